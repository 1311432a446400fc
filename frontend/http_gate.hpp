// Lets as many requests at once to the database as it has connections for. The others wait here, in
// order of arrival, without holding a thread; whoever leaves takes the next one along.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "http_connection.hpp"

namespace pg_principal::http {

class Gate {
  public:
    explicit Gate(unsigned places) : places_(places) {}

    // False: it waits, and is the caller's no more.
    bool enter(Connection &connection) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (places_ > 0) {
            --places_;
            return true;
        }
        waiting_.push_back(&connection);
        return false;
    }

    // The next one, which has the caller's place now; nullptr when nobody waits.
    Connection *leave() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (waiting_.empty()) {
            ++places_;
            return nullptr;
        }
        Connection *next = waiting_.front();
        waiting_.pop_front();
        return next;
    }

    // One that has waited for too long, without a place; nullptr when there is none.
    Connection *give_up(Clock::time_point now) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (waiting_.empty() || waiting_.front()->wait_until > now)
            return nullptr;
        Connection *late = waiting_.front();
        waiting_.pop_front();
        return late;
    }

    std::size_t waiting() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return waiting_.size();
    }

  private:
    std::mutex mutex_;
    unsigned places_;
    std::deque<Connection *> waiting_;
};

} // namespace pg_principal::http
