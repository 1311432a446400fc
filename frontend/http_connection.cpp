#include "http_connection.hpp"

#include <sched.h>

namespace pg_principal::http {

namespace {

using State = Connection::State;

constexpr std::uint64_t state_bits = 3;

std::uint64_t word_of(std::uint64_t generation, State state) {
    return generation << 2 | static_cast<std::uint64_t>(state);
}

} // namespace

ConnectionTable::ConnectionTable(std::uint32_t size)
    : slots_(std::make_unique<Connection[]>(size)) {
    for (std::uint32_t index = size; index > 0; --index) {
        free_.push_back(index - 1);
        slots_[index - 1].token_ = index - 1;
    }
}

Connection *ConnectionTable::take() {
    std::uint32_t index = 0;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (free_.empty())
            return nullptr;
        index = free_.back();
        free_.pop_back();
        ++open_;
        if (index >= highest_)
            highest_ = index + 1;
    }
    Connection &connection = slots_[index];
    connection.word_.store(word_of(connection.token_ >> 32, State::busy),
                           std::memory_order_release);
    return &connection;
}

// epoll may name a connection a moment before its last owner has let go of it.
Connection *ConnectionTable::claim(std::uint64_t token) {
    Connection &connection = slots_[token & 0xffffffffU];
    const std::uint64_t armed = word_of(token >> 32, State::armed);
    const std::uint64_t busy = word_of(token >> 32, State::busy);
    while (true) {
        std::uint64_t word = armed;
        if (connection.word_.compare_exchange_weak(word, busy, std::memory_order_acquire))
            return &connection;
        if (word != armed && word != busy)
            return nullptr;
        if (word == busy)
            sched_yield();
    }
}

bool ConnectionTable::try_claim(Connection &connection) {
    std::uint64_t word = connection.word_.load(std::memory_order_relaxed);
    return (word & state_bits) == static_cast<std::uint64_t>(State::armed) &&
           connection.word_.compare_exchange_strong(word, word_of(word >> 2, State::busy),
                                                    std::memory_order_acquire);
}

void ConnectionTable::hand_over(Connection &connection) {
    connection.word_.store(word_of(connection.token_ >> 32, State::armed),
                           std::memory_order_release);
}

void ConnectionTable::release(Connection &connection) {
    connection.channel.close();
    connection.work.reset();
    std::string().swap(connection.out);
    connection.phase = Connection::Phase::reading;
    connection.keep = true;
    connection.linger = false;
    connection.served = 0;
    connection.out_at = 0;
    const std::uint64_t index = connection.token_ & 0xffffffffU;
    const std::uint64_t generation = ((connection.token_ >> 32) + 1) & 0xffffffffU;
    connection.token_ = generation << 32 | index;
    connection.word_.store(word_of(generation, State::free), std::memory_order_release);
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(static_cast<std::uint32_t>(index)); // within the capacity of the beginning
    --open_;
}

} // namespace pg_principal::http
