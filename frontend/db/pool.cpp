#include "db/pool.hpp"

#include <algorithm>
#include <utility>

#include "db/pool_member.hpp"

namespace pg_principal::db {

namespace {

// How many requests of one principal may wait for its share; each of them holds a thread.
constexpr unsigned waiting_for_each_connection = 16;
constexpr milliseconds first_backoff{100}, inspection{1000};

} // namespace

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
        give_up_waiting();
    }
    keeper_wake_.notify_all();
    keeper_.join();
}

bool Pool::has_its_share(Owner owner) const {
    const auto found = owner == 0 ? shares_.end() : shares_.find(owner);
    return found != shares_.end() && found->second.taken >= std::max(stats_.size / 2, 1U);
}

void Pool::forget(Owner owner) noexcept {
    const auto found = shares_.find(owner);
    if (found != shares_.end() && found->second.taken == 0 && found->second.waiting == 0)
        shares_.erase(found);
}

// There is one, and the owner may have it.
Pool::Member *Pool::take(Owner owner) {
    if (owner != 0)
        ++shares_[owner].taken;
    Member *member = free_.back();
    free_.pop_back();
    member->state = Member::State::leased;
    ++stats_.in_use;
    return member;
}

// One came free, or a share did: whoever waits longest and may have it gets it, so that nobody who
// comes later is served before. Returns what wakes that one: after the lock, which it wants at once.
Pool::Wake Pool::hand_over() noexcept {
    for (auto waiter = queue_.begin(); waiter != queue_.end() && !free_.empty(); ++waiter) {
        if (has_its_share((*waiter)->owner))
            continue;
        (*waiter)->member = take((*waiter)->owner); // whose share is known: it waits
        Wake wake = (*waiter)->wake;
        queue_.erase(waiter);
        return wake;
    }
    return {};
}

// nullptr: the database is away. Throws Unavailable after the time, or when too many wait.
Pool::Member *Pool::wait_for_one(std::unique_lock<std::mutex> &lock, Owner owner,
                                 Clock::time_point until) {
    unsigned &waiting = shares_[owner].waiting; // of no owner, too: it is not looked at
    if (has_its_share(owner) && waiting >= waiting_for_each_connection * stats_.size) {
        ++stats_.share_refusals;
        throw Unavailable("too many requests of one principal");
    }
    Waiter waiter{owner, std::make_shared<std::condition_variable>()};
    queue_.push_back(&waiter);
    ++waiting;
    ++stats_.waiting;
    const bool in_time = waiter.wake->wait_until(
        lock, until, [&] { return waiter.member || stopping_ || is_away(); });
    --stats_.waiting;
    --waiting;
    if (!waiter.member)
        queue_.erase(std::find(queue_.begin(), queue_.end(), &waiter));
    forget(owner);
    if (!in_time) {
        ++stats_.checkout_timeouts;
        throw Unavailable("no connection was free in time");
    }
    return waiter.member;
}

Pool::Lease Pool::checkout(milliseconds patience, Owner owner) {
    const Clock::time_point until = Clock::now() + patience;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        if (stopping_ || is_away())
            throw Unavailable("the database is away");
        Member *member =
            free_.empty() || has_its_share(owner) ? wait_for_one(lock, owner, until) : take(owner);
        if (!member)
            continue;
        lock.unlock();
        Lease lease(*this, member, owner);
        if (member->alive())
            return lease;
        member->broken = true; // the lease's end hands it to the keeper
        lease.member_.reset();
        lock.lock();
    }
}

void Pool::give_up_waiting() noexcept {
    for (Waiter *waiter : queue_)
        waiter->wake->notify_one();
    connected_.notify_all();
}

Result Pool::Lease::run(const Statement &statement, const std::vector<Param> &params,
                        std::optional<milliseconds> within) {
    // The server gives up first; when nothing comes at all, we do.
    constexpr milliseconds grace{1000};
    const PoolOptions &options = member_.get_deleter().pool->options_;
    member_->answer_time = within.value_or(options.statement_time + grace);
    return member_->run(options, statement, params);
}

void Pool::give_back(Member &member, Owner owner) noexcept {
    std::unique_lock<std::mutex> lock(mutex_);
    --stats_.in_use;
    if (const auto found = owner == 0 ? shares_.end() : shares_.find(owner);
        found != shares_.end()) {
        --found->second.taken;
        forget(owner);
    }
    if (member.broken || !member.is_clean()) {
        // Whatever ended this one has most likely ended them all.
        for (Member *other : free_)
            other->used = {};
        member.state = Member::State::closed;
        --stats_.connected;
        ++stats_.losses;
        keeper_wake_.notify_one();
    } else {
        member.used = Clock::now();
        member.state = Member::State::idle;
        free_.push_back(&member); // reserved
    }
    const Wake wake = hand_over();
    lock.unlock();
    if (wake)
        wake->notify_one();
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
    bool failed_before = false;
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
        away_ = !failure.empty() && failed_before;
        if (failure.empty()) {
            failed_before = false;
            ++stats_.connected;
            ++stats_.connects;
            backoff = first_backoff;
            member->state = Member::State::idle;
            member->used = Clock::now();
            free_.push_back(member);
            if (const Wake wake = hand_over())
                wake->notify_one();
            connected_.notify_all();
            continue;
        }
        ++stats_.connect_failures;
        member->state = Member::State::closed;
        last_failure_.swap(failure);
        if (!std::exchange(failed_before, true))
            continue; // whatever ended the others may have ended this one as it began
        if (stats_.connected == 0)
            give_up_waiting(); // for what will not come soon
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
    for (const auto &member : members_)
        if (member->state == Member::State::leased)
            member->connection.cancel();
}

bool Pool::wait_until_connected(milliseconds time) {
    std::unique_lock<std::mutex> lock(mutex_);
    return connected_.wait_for(lock, time, [this] { return stats_.connected > 0 || away_; }) &&
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

} // namespace pg_principal::db
