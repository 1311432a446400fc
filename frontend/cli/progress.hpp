// One line on the terminal while a long statement is on its way, erased at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "db/connection.hpp"

namespace pg_principal::cli {

class Progress : public db::Observer {
  public:
    Progress(std::ostream &err, std::string what) : err_(err), what_(std::move(what)) {}
    ~Progress() override;
    void sending(int socket, std::size_t total) override;
    void waiting(double seconds) override;

  private:
    void show(const std::string &text);
    std::ostream &err_;
    std::string what_, shown_;
    std::optional<std::uint64_t> acknowledged_before_;
};

// "1.5 MB"
std::string readable_bytes(std::uint64_t bytes);

} // namespace pg_principal::cli
