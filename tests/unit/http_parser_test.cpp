#include "http_parser.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <random>

namespace pg_principal::http {
namespace {

struct Outcome {
    int refused = 0; // 0: complete, -1: more is needed
    std::string method, path, query, body, left;
    bool keep_alive = false;
};

bool operator==(const Outcome &a, const Outcome &b) {
    return a.refused == b.refused && a.method == b.method && a.path == b.path &&
           a.query == b.query && a.body == b.body && a.left == b.left &&
           a.keep_alive == b.keep_alive;
}

// The first request of these bytes, which come in pieces that end at `cuts`.
Outcome read(const std::string &bytes, std::vector<std::size_t> cuts = {}, Limits limits = {}) {
    RequestParser parser(limits);
    std::string buffer;
    auto progress = RequestParser::Progress::more;
    std::size_t from = 0;
    cuts.push_back(bytes.size());
    for (const std::size_t cut : cuts) {
        buffer += bytes.substr(from, cut - from);
        from = cut;
        if (progress == RequestParser::Progress::more)
            progress = parser.advance(buffer);
    }
    Outcome outcome;
    if (progress == RequestParser::Progress::refused) {
        outcome.refused = parser.refusal().status;
    } else if (progress == RequestParser::Progress::more) {
        outcome.refused = -1;
    } else {
        Request request;
        parser.fill(buffer, request);
        outcome = {0,
                   std::string(request.method),
                   std::string(request.path),
                   std::string(request.query),
                   std::string(request.body),
                   buffer.substr(parser.consumed()),
                   parser.keep_alive()};
    }
    return outcome;
}

const std::string post = "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\n";

const std::pair<std::string, int> shapes[] = {
    {"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /next", 0},
    {"\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"GET /hello HTTP/1.0\r\n\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"GET http://x:1/hello HTTP/1.1\r\nHost: X:1\r\n\r\n", 0},
    {post + "Content-Length: 5\r\nConnection: close\r\n\r\nhello", 0},
    {post + "Content-Length: 5\r\n\r\nhellorest", 0},
    {post + "Content-Length: 5\r\n\r\nhell", -1},
    {post +
         "Transfer-Encoding: chunked\r\nX-More: 1\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\n\r\nrest",
     0},
    {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", 0},
    {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r", -1},
    {post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
    {post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", 400},
    {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhellox\r\n0\r\n\r\n", 400},
    {post + "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", 400},
    {post + "A : b\r\n\r\n", 400},
    {post + "A: b\r\n c\r\n\r\n", 400},
    {post + "A: b\n\r\n", 400},
    {post + "A: b\rc\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n\r\n", 400},
    {"GET /hello\r\n\r\n", 400},
    {"GET /hello HTTP/3.0\r\n\r\n", 505},
    {"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {post + "Content-Length: 1048577\r\n\r\n", 413},
};

TEST(HttpParser, ShapesAreAcceptedOrRefused) {
    for (const auto &[bytes, status] : shapes)
        EXPECT_EQ(read(bytes).refused, status) << bytes;
    EXPECT_EQ(read(post + std::string("A: \0\r\n\r\n", 8)).refused, 400);
}

TEST(HttpParser, ItDoesNotMatterHowTheBytesArrive) {
    std::mt19937 random(42);
    for (const auto &[bytes, status] : shapes) {
        const Outcome whole = read(bytes);
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            Outcome two = read(bytes, {cut});
            EXPECT_TRUE(two == whole) << cut << ' ' << bytes;
        }
        for (int round = 0; round < 50; ++round) {
            std::vector<std::size_t> cuts;
            for (std::size_t at = random() % 9; at < bytes.size(); at += 1 + random() % 9)
                cuts.push_back(at);
            EXPECT_TRUE(read(bytes, cuts) == whole) << bytes;
        }
    }
}

TEST(HttpParser, WhatARequestSays) {
    const Outcome outcome =
        read(post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\nGET /");
    EXPECT_EQ(outcome.method, "POST");
    EXPECT_EQ(outcome.path, "/echo");
    EXPECT_EQ(outcome.query, "a=1");
    EXPECT_EQ(outcome.body, "hello yo");
    EXPECT_EQ(outcome.left, "GET /");
    EXPECT_TRUE(outcome.keep_alive);
    EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(read("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: a,CLOSE ,b\r\n\r\n").keep_alive);
}

TEST(HttpParser, EveryByteOfAHeaderIsJudged) {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool in_value = byte == '\t' || (byte >= ' ' && byte != 0x7f);
        const bool in_name = std::isalnum(byte) || (byte && std::strchr("!#$%&'*+-.^_`|~", byte));
        EXPECT_EQ(read(post + "A: b" + c + "c\r\n\r\n").refused == 0, in_value) << byte;
        // a colon ends the name
        EXPECT_EQ(read(post + "A" + c + "B: c\r\n\r\n").refused == 0, in_name || c == ':') << byte;
    }
}

TEST(HttpParser, LimitsHoldToTheByte) {
    Limits limits;
    limits.request_line = 40;
    limits.header_bytes = 100;
    limits.headers = 3;
    limits.body = 10;
    const std::string line = "GET /" + std::string(40 - 14, 'a') + " HTTP/1.1";
    ASSERT_EQ(line.size(), 40u);
    EXPECT_EQ(read(line + "\r\nHost: x\r\n\r\n", {}, limits).refused, 0);
    EXPECT_EQ(read("GET /a" + line.substr(5) + "\r\nHost: x\r\n\r\n", {}, limits).refused, 414);
    EXPECT_EQ(read(std::string(42, 'A'), {}, limits).refused, 414);
    const auto headers = [&](std::size_t size, int extra) {
        std::string text = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
        text += std::string(size, 'a') + "\r\n";
        for (int i = 0; i < extra; ++i)
            text += "B: b\r\n";
        return read(text + "\r\n", {}, limits).refused;
    };
    EXPECT_EQ(headers(100 - 9 - 5, 0), 0);
    EXPECT_EQ(headers(100 - 9 - 4, 0), 431);
    EXPECT_EQ(headers(1, 1), 0);
    EXPECT_EQ(headers(1, 2), 431);
    const std::string body = "PUT / HTTP/1.1\r\nHost: x\r\n";
    EXPECT_EQ(read(body + "Content-Length: 10\r\n\r\n0123456789", {}, limits).refused, 0);
    EXPECT_EQ(read(body + "Content-Length: 11\r\n\r\n", {}, limits).refused, 413);
    const std::string chunked = body + "Transfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(read(chunked + "6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n", {}, limits).refused, 0);
    EXPECT_EQ(read(chunked + "6\r\n012345\r\n5\r\n", {}, limits).refused, 413);
}

TEST(HttpParser, AnExpectationIsTakenOnce) {
    const Limits limits;
    RequestParser parser(limits);
    std::string buffer = post + "Expect: 100-Continue\r\nContent-Length: 2\r\n";
    EXPECT_EQ(parser.advance(buffer), RequestParser::Progress::more);
    EXPECT_FALSE(parser.take_expectation());
    buffer += "\r\n";
    EXPECT_EQ(parser.advance(buffer), RequestParser::Progress::more);
    EXPECT_TRUE(parser.take_expectation());
    EXPECT_FALSE(parser.take_expectation());
    buffer += "ab";
    EXPECT_EQ(parser.advance(buffer), RequestParser::Progress::complete);
}

TEST(HttpParser, ChunkFramingIsNotKept) {
    const Limits limits;
    RequestParser parser(limits);
    std::string buffer = post + "Transfer-Encoding: chunked\r\n\r\n";
    const std::size_t head = buffer.size();
    for (int i = 0; i < 1000; ++i) {
        buffer += "1;" + std::string(100, 'e') + "\r\nx\r\n";
        ASSERT_EQ(parser.advance(buffer), RequestParser::Progress::more);
    }
    EXPECT_EQ(buffer.size(), head + 1000);
}

} // namespace
} // namespace pg_principal::http
