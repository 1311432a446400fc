#include "http_pool.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http_pool_member.hpp"

namespace pg_principal::http {

namespace {

constexpr milliseconds first_backoff{100}, inspection{1000};
// A connection used a moment ago is not looked at before it is used again.
constexpr milliseconds trusted_for{200};

} // namespace

std::string_view Result::text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string_view> Result::maybe(int row, int column) const {
    return is_null(row, column) ? std::nullopt : std::optional(text(row, column));
}

std::int64_t Result::integer(int row, int column) const {
    const std::string_view value = text(row, column);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
        throw std::runtime_error("the database gave no whole number");
    return number;
}

bool Result::boolean(int row, int column) const { return text(row, column) == "t"; }

int Result::column(const char *name) const {
    const int number = PQfnumber(result_.get(), name);
    if (number < 0)
        throw std::runtime_error("the database gave no such column");
    return number;
}

Pool::Pool(PoolOptions options) : options_(std::move(options)) {
    for (unsigned i = 0; i < std::max(options_.size, 1U); ++i)
        members_.push_back(std::make_unique<Member>());
    free_.reserve(members_.size());
    stats_.size = static_cast<unsigned>(members_.size());
    keeper_ = std::thread([this] { keep(); });
}

Pool::~Pool() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    keeper_wake_.notify_all();
    idle_.notify_all();
    keeper_.join();
}

Pool::Lease Pool::checkout(milliseconds patience) {
    const Clock::time_point until = Clock::now() + patience;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        if (stopping_ || (away_ && stats_.connected == 0))
            throw Unavailable("the database is away");
        if (free_.empty()) {
            if (idle_.wait_until(lock, until) == std::cv_status::timeout && free_.empty()) {
                ++stats_.checkout_timeouts;
                throw Unavailable("no connection was free in time");
            }
            continue;
        }
        Member *member = free_.back();
        free_.pop_back();
        member->state = Member::State::leased;
        ++stats_.in_use;
        lock.unlock();
        Lease lease(*this, member);
        if (Clock::now() - member->used < trusted_for || member->alive())
            return lease;
        member->broken = true; // the lease's end hands it to the keeper
        { const Lease ended = std::move(lease); }
        lock.lock();
    }
}

Pool::Lease::~Lease() {
    if (member_)
        pool_->give_back(*member_);
}

Result Pool::Lease::run(const Statement &statement, const std::vector<Param> &params,
                        std::optional<milliseconds> within) {
    // The server gives up first; when nothing comes at all, we do.
    constexpr milliseconds grace{1000};
    member_->answer_time = within.value_or(pool_->options_.statement_time + grace);
    return member_->run(pool_->options_, statement, params);
}

void Pool::give_back(Member &member) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    --stats_.in_use;
    if (member.broken || !member.is_clean()) {
        // Whatever ended this one has most likely ended them all.
        for (Member *other : free_)
            other->used = {};
        member.state = Member::State::closed;
        --stats_.connected;
        ++stats_.losses;
        keeper_wake_.notify_one();
        return;
    }
    member.used = Clock::now();
    member.state = Member::State::idle;
    free_.push_back(&member); // reserved
    idle_.notify_one();
}

Pool::Member *Pool::next_to_open() {
    for (const auto &member : members_)
        if (member->state == Member::State::closed)
            return member.get();
    return nullptr;
}

// Opens what is closed, one after the other; after a failure it waits, each time longer.
void Pool::keep() noexcept {
    milliseconds backoff = first_backoff;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
        Member *member = next_to_open();
        if (!member) {
            keeper_wake_.wait_for(lock, inspection,
                                  [this] { return stopping_ || next_to_open() != nullptr; });
            inspect_idle();
            continue;
        }
        member->state = Member::State::opening;
        lock.unlock();
        std::string failure;
        try {
            member->open(options_);
        } catch (const std::exception &error) {
            failure = error.what();
        }
        lock.lock();
        away_ = !failure.empty();
        if (failure.empty()) {
            ++stats_.connected;
            ++stats_.connects;
            backoff = first_backoff;
            member->state = Member::State::idle;
            member->used = Clock::now();
            free_.push_back(member);
            idle_.notify_all();
            continue;
        }
        ++stats_.connect_failures;
        member->state = Member::State::closed;
        last_failure_.swap(failure);
        if (stats_.connected == 0)
            idle_.notify_all(); // nobody waits for what will not come soon
        keeper_wake_.wait_for(lock, backoff, [this] { return stopping_; });
        backoff = std::min(backoff * 2, options_.longest_backoff);
        inspect_idle();
    }
}

// Finds out without any request that the database went away, and comes back before the next one.
void Pool::inspect_idle() {
    for (std::size_t i = 0; i < free_.size();) {
        Member *member = free_[i];
        if (Clock::now() - member->used < inspection || member->alive()) {
            ++i;
            continue;
        }
        free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
        member->state = Member::State::closed;
        --stats_.connected;
        ++stats_.losses;
    }
}

void Pool::cancel_all() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    char reason[256];
    for (const auto &member : members_)
        if (member->state == Member::State::leased && member->canceller)
            PQcancel(member->canceller.get(), reason, sizeof reason);
}

bool Pool::wait_until_connected(milliseconds time) {
    std::unique_lock<std::mutex> lock(mutex_);
    return idle_.wait_for(lock, time, [this] { return stats_.connected > 0 || away_; }) &&
           stats_.connected > 0;
}

Pool::Stats Pool::stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
}

std::string Pool::last_failure() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_failure_;
}

} // namespace pg_principal::http
