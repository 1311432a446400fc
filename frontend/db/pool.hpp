// A bounded pool of connections to the database. A keeper opens them in the background, so that no
// request ever waits for a connection attempt: it gets a connection, or learns at once that there
// is none.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "db/connection.hpp"

namespace pg_principal::db {

struct PoolOptions {
    std::string dsn; // libpq's: several hosts and target_session_attrs are the user's
    unsigned size = 4;
    milliseconds checkout_time{1000};
    milliseconds statement_time{5000};
    milliseconds connect_time{3000}; // of each host, whole seconds, unless the DSN says
    // Through a pooler in transaction mode: no prepared statements, no startup options.
    bool transaction_pooler = false;
    milliseconds longest_backoff{1000}; // between two attempts to connect
};

// One of the program's statements; it must outlive the pool, which knows it by its address.
struct Statement {
    std::string sql;
    bool only_reads = false; // so that it may be run twice
};

// On whose behalf a connection is taken: one of them has at most half of the pool, and as many
// requests as the pool has connections that wait for that. 0: nobody's in particular.
using Owner = std::uint64_t;

class Pool {
  public:
    // Connects in the background; a database that is away is no error.
    explicit Pool(PoolOptions options);
    ~Pool();
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

  private:
    struct Member;

  public:
    // A connection for as long as this lives.
    class Lease {
      public:
        // Throws DbError, and Broken when the connection is lost. `within` is for those that wait
        // for less than statement_time; the connection is of no use after that.
        Result run(const Statement &statement, const std::vector<Param> &params = {},
                   std::optional<milliseconds> within = {});

      private:
        friend class Pool;
        struct GiveBack {
            Pool *pool;
            Owner owner;
            void operator()(Member *member) const noexcept { pool->give_back(*member, owner); }
        };
        Lease(Pool &pool, Member *member, Owner owner) : member_(member, {&pool, owner}) {}
        std::unique_ptr<Member, GiveBack> member_;
    };

    // Throws Unavailable: at once while the database is away, otherwise after that time.
    Lease checkout(milliseconds patience, Owner owner = 0);
    Lease checkout() { return checkout(options_.checkout_time); }
    // One statement on any connection, and again on another when that was lost before the statement
    // ran, or when it only reads. `make_params` is called when there is a connection.
    template <class MakeParams>
    Result run_with(const Statement &statement, Owner owner, MakeParams make_params) {
        for (unsigned lost = 0;; ++lost) { // the others may be about to end as well
            try {
                Lease lease = checkout(options_.checkout_time, owner);
                return lease.run(statement, make_params());
            } catch (const ReadOnly &) {
                if (lost > 0)
                    throw;
            } catch (const Broken &broken) {
                if (lost > options_.size || (broken.may_have_run && !statement.only_reads))
                    throw;
            }
        }
    }
    Result run(const Statement &statement, const std::vector<Param> &params = {}, Owner owner = 0) {
        return run_with(statement, owner, [&]() -> const std::vector<Param> & { return params; });
    }
    // Asks the database to end what runs now.
    void cancel_all() noexcept;
    // True when there is a connection before the time is over.
    bool wait_until_connected(milliseconds time);

    struct Stats {
        unsigned size = 0, connected = 0, in_use = 0, waiting = 0;
        std::uint64_t connects = 0, connect_failures = 0, losses = 0, checkout_timeouts = 0,
                      share_refusals = 0;
    };
    Stats stats() const;
    // Why the last attempt to connect failed, for the operator: it may name hosts and users.
    std::string last_failure() const;

  private:
    void keep() noexcept;
    void inspect_idle();
    Member *next_to_open();
    void give_back(Member &member, Owner owner) noexcept;
    Member *take(Owner owner);
    Member *wait_for_one(std::unique_lock<std::mutex> &lock, Owner owner, Clock::time_point until);
    void give_up_waiting() noexcept;
    bool is_away() const { return away_ && stats_.connected == 0; }
    bool has_its_share(Owner owner) const;
    void forget(Owner owner) noexcept;

    // A thread that waits for a connection. What wakes it may be used when it has gone.
    using Wake = std::shared_ptr<std::condition_variable>;
    struct Waiter {
        Owner owner;
        Wake wake;
        Member *member = nullptr; // as soon as it has one
    };
    Wake hand_over() noexcept;

    const PoolOptions options_;
    std::vector<std::unique_ptr<Member>> members_;
    mutable std::mutex mutex_;
    std::condition_variable connected_, keeper_wake_;
    std::vector<Member *> free_; // the one used last is used next
    std::deque<Waiter *> queue_; // where one is free, these have their share
    struct Share {
        unsigned taken = 0, waiting = 0; // connections; threads that wait for one to come back
    };
    std::unordered_map<Owner, Share> shares_;
    Stats stats_;
    std::string last_failure_;
    bool away_ = false, stopping_ = false;
    std::thread keeper_;
};

} // namespace pg_principal::db
