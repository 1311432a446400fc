// Memory that all backends share, zeroed when the server starts. It exists only where pg_principal
// is in shared_preload_libraries; elsewhere contents() stays nullptr.
#pragma once

#include "pg/bridge/pg.hpp"

extern "C" {
#include "storage/lwlock.h"
}

namespace pg_principal {

class SharedArea {
  public:
    constexpr SharedArea(const char *name, Size size) noexcept : name_(name), size_(size) {}

    // Called while the library is preloaded.
    void request() noexcept;

    void *contents() const noexcept { return contents_; }
    LWLock *lock() const noexcept { return lock_; }

  private:
    static void on_request();
    static void on_startup();

    const char *name_;
    Size size_;
    void *contents_ = nullptr;
    LWLock *lock_ = nullptr;
    SharedArea *next_ = nullptr;
};

} // namespace pg_principal
