// Between cpp-httplib and the dispatcher: the library reads requests and writes answers, the
// dispatcher knows what to say. What the library would do besides (routing by regular expressions,
// cutting answers by Range, compressing them, taking forms apart) it is kept from doing, and what
// it reads too leniently is refused, with the end of the connection.
#pragma once

#include <cstdint>

#include <httplib.h>

#include "http/dispatcher.hpp"

namespace pg_principal::http {

// Every request that `server` gets goes to the dispatcher, which must outlive it.
void adapt(httplib::Server &server, Dispatcher &dispatcher, const Limits &limits);

} // namespace pg_principal::http
