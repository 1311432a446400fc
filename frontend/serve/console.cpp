#include "serve/routes.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "base/terminal.hpp"
#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"

namespace pg_principal::cli {

using namespace http;
namespace fs = std::filesystem;

namespace {

struct File {
    std::string body, type, tag;
};
using Files = std::map<std::string, File, std::less<>>;

constexpr const char *first_page = "index.html";
constexpr std::uintmax_t most_bytes = 1 << 20;

// Nothing that is not a file of ours: no script or style in a page, none from elsewhere, no frame
// around it, and no HTML made of text (Trusted Types, where a browser knows them).
constexpr const char *content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

const char *type_of(const std::string &suffix) {
    if (suffix == ".html")
        return "text/html; charset=utf-8";
    if (suffix == ".js")
        return "text/javascript; charset=utf-8";
    if (suffix == ".css")
        return "text/css; charset=utf-8";
    return suffix == ".svg" ? "image/svg+xml" : nullptr;
}

// bin/pg_principal has its share/ beside bin.
fs::path installed_folder() {
    std::error_code error;
    const fs::path command = fs::read_symlink("/proc/self/exe", error);
    return command.parent_path().parent_path() / "share" / "pg_principal" / "console";
}

Files read_files(const fs::path &folder) {
    Files files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const char *type = type_of(entry->path().extension().string());
        std::error_code unreadable;
        if (!type || !entry->is_regular_file(unreadable) ||
            entry->file_size(unreadable) > most_bytes)
            continue;
        std::ifstream stream(entry->path(), std::ios::binary);
        std::ostringstream text;
        text << stream.rdbuf();
        if (stream)
            files[entry->path().filename().string()] = {
                text.str(), type, '"' + hex_encode(sha256(text.str()).substr(0, 16)) + '"'};
    }
    return files;
}

Response give(const File &file, const Request &request) {
    Response response;
    if (request.header("If-None-Match") == file.tag) {
        response = Response::empty(304);
    } else {
        response.body = file.body;
        response.content_type = file.type;
    }
    return response.set("ETag", file.tag)
        .set("Cache-Control", "no-cache")
        .set("Content-Security-Policy", content_policy)
        .set("Referrer-Policy", "no-referrer")
        .set("Cross-Origin-Opener-Policy", "same-origin")
        .set("Cross-Origin-Resource-Policy", "same-origin")
        .set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
}

} // namespace

void add_console(RouteTable &routes, const std::string &folder, std::ostream &err) {
    if (folder == "off")
        return;
    const fs::path from = folder.empty() ? installed_folder() : fs::path(folder);
    const auto files = std::make_shared<const Files>(read_files(from));
    if (files->find(first_page) == files->end()) {
        print_error(
            err, "warning: no console: its files are not in " + printable(from.string(), 256), {},
            "make install puts them beside the command; --console FOLDER, or off for none.");
        return;
    }
    // for who types the server's name; not for good, since another day there may be no console
    for (const auto &[path, status] : {std::pair("/", 302), std::pair("/console", 308)})
        routes.add({"GET",
                    path,
                    [status = status](const Request &) {
                        return Response::empty(status).set("Location", "/console/");
                    },
                    "To the console's first page",
                    Caller::anybody,
                    false,
                    {},
                    nullptr,
                    status});
    routes.add({"GET", "/console/",
                [files](const Request &request) { return give(files->at(first_page), request); },
                "The console, for people with a browser", Caller::anybody, false});
    const auto give_file = [files](const Request &request) {
        const auto file = files->find(request.param("file"));
        if (file == files->end())
            throw HttpError(404, "not_found", "no such resource");
        return give(file->second, request);
    };
    routes.add(
        {"GET", "/console/:file", give_file, "A file of the console", Caller::anybody, false});
}

} // namespace pg_principal::cli
