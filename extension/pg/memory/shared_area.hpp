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
    // Of a size that is known once the server has read its settings. cleared: false leaves it to
    // the system, whose new memory is zero, and touches no page.
    constexpr SharedArea(const char *name, Size (*size)(), bool cleared = true) noexcept
        : name_(name), ask_size_(size), cleared_(cleared) {}

    // Called while the library is preloaded.
    void request() noexcept;

    void *contents() const noexcept { return contents_; }
    LWLock *lock() const noexcept { return lock_; }

  private:
    static void on_request();
    static void on_startup();

    const char *name_;
    Size size_ = 0;
    Size (*ask_size_)() = nullptr;
    bool cleared_ = true;
    void *contents_ = nullptr;
    LWLock *lock_ = nullptr;
    SharedArea *next_ = nullptr;
};

} // namespace pg_principal
