// Seeded, so that nobody can choose addresses that fall together.
#pragma once

#include <cstdint>
#include <cstring>

#include "http/address.hpp"

namespace pg_principal::http {

inline std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

inline std::uint64_t hash_of(const Address::Bytes &bytes, std::uint64_t seed) noexcept {
    std::uint64_t words[2];
    std::memcpy(words, bytes.data(), sizeof words);
    return mix(mix(words[0] ^ seed) ^ words[1] ^ seed);
}

} // namespace pg_principal::http
