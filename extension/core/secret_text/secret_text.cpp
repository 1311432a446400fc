#include "core/secret_text/secret_text.hpp"

#include "core/base/bytes.hpp"
#include "core/base/utf8.hpp"
#include "core/secret_text/internal.hpp"

namespace pg_principal {

using namespace secret_text;

namespace {

// A text of 16-bit characters that are all below 256, as Windows saves it.
std::string narrowed(std::string_view text) {
    if (text.size() < 16 || text.size() % 2 != 0)
        return {};
    const bool little = text[3] == '\0'; // the first may be a mark
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const char high = text[little ? i + 1 : i], low = text[little ? i : i + 1];
        if (high == '\0' && low != '\0')
            out += low;
        else if (i > 0) // the mark is the first
            return {};
    }
    return out;
}

// Of many wrappings the innermost are told: a message does not grow with what it is about.
std::string named(std::string_view before, const std::string &kind, std::string_view behind = {}) {
    constexpr std::size_t longest = 80;
    return kind.size() > longest ? kind : std::string(before) + kind + std::string(behind);
}

class Search {
  public:
    std::string look(std::string_view text, int depth, bool by_chance = false) {
        if (depth == 0 || looks_++ == max_looks)
            return "text wrapped too many times to be judged";
        if (const auto rest = without_byte_order_mark(text); rest.size() != text.size()) {
            const std::string inner = look(rest, depth - 1);
            return inner.empty() ? "text after a byte order mark: save it without one"
                                 : named("", inner, " after a byte order mark");
        }
        if (const std::string_view kind = binary_kind(text); !kind.empty())
            return std::string(kind);
        std::string narrow = narrowed(text);
        const WipeOnExit wipe_narrow(narrow);
        if (!narrow.empty()) {
            const std::string inner = look(narrow, depth - 1);
            return inner.empty() ? "text in UTF-16: save it as UTF-8"
                                 : named("", inner, " in UTF-16");
        }
        text = trimmed(text);
        if (const std::string_view kind = binary_kind(text); !kind.empty())
            return std::string(kind);
        if (std::string kind = marked_kind(text); !kind.empty())
            return kind;
        if (std::string kind = structured_kind(text, by_chance); !kind.empty())
            return kind;
        return look_inside(text, depth);
    }

  private:
    static constexpr int max_looks = 10'000;

    std::string look_inside(std::string_view text, int depth) {
        std::string found;
        for (Unwrapped &inner : unwrapped(text)) {
            const WipeOnExit wipe_inner(inner.bytes);
            if (found.empty())
                if (const std::string kind = look(inner.bytes, depth - 1, inner.by_chance);
                    !kind.empty())
                    found = named(std::string(inner.wrapping) + " of ", kind);
        }
        return found;
    }

    int looks_ = 0;
};

} // namespace

std::string published_text(std::string_view text) {
    constexpr int deepest = 12;
    return Search().look(text, deepest);
}

} // namespace pg_principal
