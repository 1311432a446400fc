#include "core_support.hpp"

#include "core/json/document.hpp"
#include "core/json/storable.hpp"
#include "core/json/writer.hpp"
#include "core/base/utf8.hpp"

#include <limits>

namespace pg_principal::json {
namespace {

std::string fault(std::string_view text, const Limits &limits = {}) {
    Document doc;
    const ParseStatus status = try_parse(doc, text, limits);
    EXPECT_EQ(static_cast<bool>(doc.root()), static_cast<bool>(status));
    return status ? "" : std::string(status.fault) + " at " + std::to_string(status.offset);
}

TEST(Json, Values) {
    const Document doc =
        parse("  { \"n\" : null, \"t\":true,\"f\":false, \"i\":-12 , \"s\":\"x\", \"a\":[1,[],{}], "
              "\"o\":{\"k\":\"v\"} }\n");
    const Value root = doc.root();
    ASSERT_TRUE(root.is_object());
    EXPECT_EQ(root.size(), 7u);
    EXPECT_TRUE(root.find("n").is_null());
    EXPECT_TRUE(root.find("t").as_bool());
    EXPECT_FALSE(root.find("f").as_bool());
    EXPECT_EQ(root.find("i").as_int64(), -12);
    EXPECT_EQ(root.find("s").as_string(), "x");
    EXPECT_EQ(root.find("o").find("k").as_string(), "v");
    EXPECT_FALSE(root.find("k"));
    EXPECT_EQ(root.find("k").type(), Type::missing);
    EXPECT_FALSE(root.find("s").find("k"));
    std::string order;
    for (const auto &[name, value] : root.members())
        order += name;
    EXPECT_EQ(order, "ntfisao");
    std::vector<Type> types;
    for (const Value element : root.find("a").elements())
        types.push_back(element.type());
    EXPECT_EQ(types, (std::vector<Type>{Type::number, Type::array, Type::object}));
}

TEST(Json, TopLevelMayBeAnyValue) {
    for (const std::string_view text : {"null", " true ", "0", "\"\"", "[]", "{}", "-0.0e-0"})
        EXPECT_EQ(fault(text), "") << text;
}

TEST(Json, AccessToAnotherTypeIsAnError) {
    const Document doc = parse("[1,\"x\"]");
    const Value one = *doc.root().elements().begin();
    EXPECT_EQ(error_of(Errc::json_malformed, [&] { one.as_string(); }),
              "malformed JSON: a string expected");
    error_of(Errc::json_malformed, [&] { one.as_bool(); });
    error_of(Errc::json_malformed, [&] { one.members(); });
    error_of(Errc::json_malformed, [&] { one.elements(); });
    error_of(Errc::json_malformed, [&] { doc.root().number_text(); });
    error_of(Errc::json_malformed, [&] { Value().as_string(); });
    EXPECT_EQ(one.size(), 0u);
}

TEST(Json, GrammarIsKeptToTheLetter) {
    for (const std::string_view text : {"",
                                        " ",
                                        "nul",
                                        "nulll",
                                        "True",
                                        "tru",
                                        "+1",
                                        "01",
                                        "-",
                                        "-a",
                                        "1.",
                                        ".5",
                                        "1.e1",
                                        "1e",
                                        "1e+",
                                        "0x1",
                                        "1_0",
                                        "NaN",
                                        "Infinity",
                                        "-Infinity",
                                        "'x'",
                                        "\"",
                                        "\"x",
                                        "[",
                                        "]",
                                        "[1",
                                        "[1,",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "{",
                                        "}",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"a\":1,",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{a:1}",
                                        "{1:2}",
                                        "{\"a\" 1}",
                                        "{\"a\":1 \"b\":2}",
                                        "[1}",
                                        "{\"a\":1]",
                                        "1 1",
                                        "{}{}",
                                        "[] x",
                                        "//",
                                        "[1]/**/",
                                        "\"\t\"",
                                        "\"\n\"",
                                        "\"\\x\"",
                                        "\"\\\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\\U0041\"",
                                        "\v1",
                                        "\xef\xbb\xbf{}",
                                        "{\"a\":undefined}"})
        EXPECT_NE(fault(text), "") << text;
    EXPECT_NE(fault(std::string_view("1\0", 2)), "");
    EXPECT_NE(fault(std::string_view("\"\0\"", 3)), "");
}

TEST(Json, FaultsNameWhatAndWhereButNoContent) {
    EXPECT_EQ(fault("{\"secret\":x"), "unexpected character at 10");
    EXPECT_EQ(fault("{\"secret\":"), "unexpected end at 10");
    EXPECT_EQ(fault("{\"a\":1,\"a\":2}"), "repeated name at 10");
    EXPECT_EQ(fault("[1] 2"), "text after the value at 4");
    EXPECT_EQ(error_of(Errc::json_malformed, [] { parse("\"\\u0000\""); }),
              "malformed JSON: \\u0000 in a string at byte 7");
}

TEST(Json, EveryTruncationIsRefused) {
    const std::string text =
        "{\"a\":[1.5e3,true,null,\"\\u00e9\\ud83d\\ude00x\xc3\xa9\"],\"b\":{}}";
    ASSERT_EQ(fault(text), "");
    for (std::size_t i = 0; i < text.size(); ++i)
        EXPECT_NE(fault(std::string_view(text).substr(0, i)), "") << i;
}

TEST(Json, Escapes) {
    const Document doc = parse("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20AC\","
                               "\"\\ud83d\\ude00\",\"plain\",\"a\\u0001b\"]");
    std::vector<std::string> strings;
    for (const Value value : doc.root().elements())
        strings.emplace_back(value.as_string());
    EXPECT_EQ(strings, (std::vector<std::string>{"\"\\/\b\f\n\r\t", "A\xc3\xa9\xe2\x82\xac",
                                                 "\xf0\x9f\x98\x80", "plain",
                                                 "a\x01"
                                                 "b"}));
}

TEST(Json, SurrogatesComeInPairs) {
    EXPECT_EQ(fault("\"\\udbff\\udfff\""), "");
    for (const std::string_view text :
         {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
          "\"\\ud800\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800\\u\"", "\"\\ud800\\"})
        EXPECT_NE(fault(text), "") << text;
}

TEST(Json, Utf8IsChecked) {
    const std::vector<std::string_view> invalid = {"\x80",
                                                   "\xbf",
                                                   "\xc0\x80",
                                                   "\xc1\xbf",
                                                   "\xc2",
                                                   "\xc2\x41",
                                                   "\xe0\x80\x80",
                                                   "\xe0\x9f\xbf",
                                                   "\xe2\x82",
                                                   "\xe2\x28\xa1",
                                                   "\xe2\x82\x28",
                                                   "\xed\xa0\x80",
                                                   "\xed\xbf\xbf",
                                                   "\xf0\x80\x80\x80",
                                                   "\xf0\x8f\xbf\xbf",
                                                   "\xf0\x9f\x98",
                                                   "\xf0\x9f\x98\x41",
                                                   "\xf4\x90\x80\x80",
                                                   "\xf5\x80\x80\x80",
                                                   "\xfe",
                                                   "\xff"};
    for (const std::string_view bytes : invalid) {
        EXPECT_FALSE(is_utf8(bytes)) << hex_encode(bytes);
        EXPECT_NE(fault('"' + std::string(bytes) + '"'), "") << hex_encode(bytes);
        // behind an escape another loop reads it, and a long run comes before it
        EXPECT_NE(fault("\"\\n" + std::string(bytes) + '"'), "") << hex_encode(bytes);
        EXPECT_NE(fault("\"0123456789abcdef" + std::string(bytes) + '"'), "") << hex_encode(bytes);
        EXPECT_NE(fault("{\"" + std::string(bytes) + "\":1}"), "") << hex_encode(bytes);
    }
    for (const std::string_view bytes : {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                         "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_TRUE(is_utf8(bytes));
        EXPECT_EQ(fault('"' + std::string(bytes) + '"'), "") << hex_encode(bytes);
        EXPECT_EQ(fault("\"\\n" + std::string(bytes) + '"'), "") << hex_encode(bytes);
    }
}

TEST(Json, SpecialBytesAreSeenAtEveryPositionOfALongRun) {
    for (std::size_t i = 0; i < 40; ++i)
        for (const char c : {'"', '\\', '\x1f', '\x01', '\x80', '\xff'}) {
            std::string text = '"' + std::string(40, 'x') + '"';
            text[i + 1] = c;
            EXPECT_NE(fault(text), "") << i << ' ' << static_cast<int>(c);
        }
    std::string all;
    for (int c = 0x20; c < 0x80; ++c)
        if (c != '"' && c != '\\')
            all += static_cast<char>(c);
    const std::string text = '"' + all + '"';
    const Document doc(text);
    EXPECT_EQ(doc.root().as_string(), all);
}

TEST(Json, RepeatedNamesAtAnyDepth) {
    EXPECT_NE(fault("{\"a\":1,\"a\":1}"), "");
    EXPECT_NE(fault("[{\"x\":{\"a\":1,\"b\":2,\"a\":1}}]"), "");
    EXPECT_NE(fault("{\"a\":1,\"\\u0061\":1}"), "");
    EXPECT_NE(fault("{\"\":1,\"\":1}"), "");
    EXPECT_EQ(fault("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"), "");
    EXPECT_EQ(fault("{\"a\":1,\"A\":1,\"aa\":1}"), "");
}

TEST(Json, RepeatedNamesAmongMany) {
    for (const std::size_t count : {2u, 15u, 16u, 17u, 18u, 100u, 5000u})
        for (const std::size_t repeat : {count, std::size_t{0}, count / 2, count - 1}) {
            std::string text = "{";
            for (std::size_t i = 0; i < count; ++i)
                text += "\"name" + std::to_string(i) + "\":{\"name0\":1},";
            text += "\"name" + std::to_string(repeat) + "\":1}";
            EXPECT_EQ(fault(text).empty(), repeat == count) << count << ' ' << repeat;
        }
}

TEST(Json, DepthIsBounded) {
    const auto nested = [](std::size_t depth, char open, char close) {
        return std::string(depth, open) + std::string(depth, close);
    };
    EXPECT_EQ(fault(nested(32, '[', ']')), "");
    EXPECT_EQ(fault(nested(33, '[', ']')), "nested too deeply at 32");
    EXPECT_NE(fault(nested(1000000, '[', ']')), "");
    EXPECT_NE(fault(std::string(1000000, '[')), "");
    std::string objects;
    for (int i = 0; i < 33; ++i)
        objects += "{\"a\":";
    EXPECT_NE(fault(objects + "1" + std::string(33, '}')), "");
    EXPECT_EQ(fault("[[1]]", {2, 100}), "");
    EXPECT_NE(fault("[[[1]]]", {2, 100}), "");
    EXPECT_EQ(fault("1", {0, 100}), "");
    EXPECT_NE(fault(nested(600, '[', ']'), {1000, 10000}), ""); // 512 whatever one asks for
    EXPECT_NE(fault("123456", {32, 5}), "");
}

TEST(Json, WhatIsNestedMoreDeeplyIsNullWhereTheLimitsSaySo) {
    const Limits limits{3, 1 << 20, false, true};
    const auto read = [&](std::string_view text) {
        std::string out;
        append_value(out, Document(text, limits).root());
        return out;
    };
    EXPECT_EQ(read("[[[1],[[2]]],{\"a\":[{\"b\":\"]}\\\"\"}],\"c\":3}]"),
              "[[[1],[null]],{\"a\":[null],\"c\":3}]");
    const std::string deep = std::string(100000, '[') + std::string(100000, ']');
    EXPECT_EQ(read("[" + deep + ",1]"), "[[[null]],1]");
    for (const char *open :
         {"[[[[", "[[[[]", "[[[[}]]]", "[[[{]]]]", "[[[[\"]]]]", "[[[[\"\\", "[[[[]]]]]"})
        EXPECT_NE(fault(open, limits), "") << open;
}

TEST(Json, WhatJsonbCannotHoldIsReplaced) {
    const std::string odd = "\xef\xbf\xbd", digits(101, '9');
    const std::pair<std::string, std::string> cases[] = {
        {R"({"a":"\u0000","b":"\\u0000","c":"\\\u0000x"})",
         R"({"a":")" + odd + R"(","b":"\\u0000","c":"\\)" + odd + R"(x"})"},
        {R"(["\ud800","\uDC00\ud83d\uDE00","\ud83d\ud83d\ude00","\ude00\ud83d","\\ud800"])",
         R"([")" + odd + R"(",")" + odd + R"(\ud83d\uDE00",")" + odd + R"(\ud83d\ude00",")" + odd +
             odd + R"(","\\ud800"])"},
        {R"([1e999,-1.5E-100,1e10,0.5,"1e999","\"1e999",)" + digits + "]",
         R"([null,null,1e10,0.5,"1e999","\"1e999",null])"},
        {"[\"\xe9\",\"\xc3\xa9\xff\"]\xc3", "[\"" + odd + "\",\"\xc3\xa9" + odd + "\"]" + odd},
        {"", ""},
        {R"(["\)", R"(["\)"},
        {R"(["\u12)", R"(["\u12)"},
        {R"(["\ud800\u12"])", R"([")" + odd + R"(\u12"])"},
        {"[\"\\\xe9\"", "[\"\\" + odd + "\""},
        {R"({"n":12,"t":true} x)", R"({"n":12,"t":true} x)"}};
    for (const auto &[given, wanted] : cases)
        EXPECT_EQ(storable(given), wanted);
    const auto nested = [](std::size_t depth, const std::string &in = "") {
        return std::string(depth, '[') + in + std::string(depth, ']');
    };
    EXPECT_EQ(storable(nested(256, "1")), nested(256, "1"));
    EXPECT_EQ(storable("[" + nested(100000, "\"]\"") + ",{\"\xe9\":[]}]"),
              "[" + nested(255, "null") + ",{\"" + odd + "\":[]}]");
    EXPECT_EQ(storable(std::string(1000, '[')), std::string(1000, '['));
    EXPECT_EQ(storable(std::string(300, ']') + "[1]"), std::string(300, ']') + "[1]");
    for (const char *sound : {R"({"a":["\ud83d\ude00",1.5e-7,{}]})", R"([1e300])"})
        EXPECT_EQ(fault(storable(sound)), "") << sound;
}

TEST(Json, Integers) {
    const auto integer = [](std::string_view text) { return parse(text).root().as_int64(); };
    const auto max = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(integer("0"), 0);
    EXPECT_EQ(integer("-0"), 0);
    EXPECT_EQ(integer("1e3"), 1000);
    EXPECT_EQ(integer("1.50e1"), 15);
    EXPECT_EQ(integer("1000E-3"), 1);
    EXPECT_EQ(integer("1.0"), 1);
    EXPECT_EQ(integer("0.000e999999999999999999"), 0);
    EXPECT_EQ(integer("9223372036854775807"), max);
    EXPECT_EQ(integer("-9223372036854775807"), -max);
    EXPECT_EQ(integer("9.223372036854775807e18"), max);
    EXPECT_EQ(integer("10000000000000000000000000e-24"), 10);
    for (const std::string_view text :
         {"1.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19",
          "1e999999999999999999", "1e-999999999999999999", "123456789012345678901234567890",
          "0.00000000000000000000000001", "1.00000000000000000000000000001"})
        EXPECT_EQ(integer(text), std::nullopt) << text;
    EXPECT_DOUBLE_EQ(parse("-1.5e2").root().as_double().value(), -150.0);
    EXPECT_EQ(parse("1e999").root().as_double(), std::nullopt);
}

TEST(Json, ScaledIntegers) {
    bool exact = false;
    EXPECT_EQ(scaled_integer("1.5", 6, exact), 1500000);
    EXPECT_TRUE(exact);
    EXPECT_EQ(scaled_integer("-1.0000019", 6, exact), -1000001);
    EXPECT_FALSE(exact);
    EXPECT_EQ(scaled_integer("0.0000001", 6, exact), 0);
    EXPECT_FALSE(exact);
    EXPECT_EQ(scaled_integer("1234567890123456789012e-15", 6, exact), 1234567890123);
    EXPECT_FALSE(exact);
    EXPECT_EQ(scaled_integer("9e18", 6, exact), std::nullopt);
}

TEST(Json, ADocumentIsReused) {
    Document doc;
    for (int i = 0; i < 3; ++i) {
        parse_into(doc, "{\"a\":\"\\n\",\"b\":[1,2]}");
        EXPECT_EQ(doc.root().find("a").as_string(), "\n");
        error_of(Errc::json_malformed, [&] { parse_into(doc, "{\"a\":1,"); });
        EXPECT_FALSE(doc.root());
        parse_into(doc, "[]");
        EXPECT_EQ(doc.root().size(), 0u);
    }
}

TEST(Json, WideTextsCostNoMoreThanTheirSize) {
    std::string text = "[";
    for (int i = 0; i < 200000; ++i)
        text += "{},";
    text += "1e999999999]";
    const Document doc(text);
    EXPECT_EQ(doc.root().size(), 200001u);
}

TEST(Json, QuoteIsReadBack) {
    std::string all;
    for (int c = 1; c < 0x80; ++c)
        all += static_cast<char>(c);
    all += "\xc3\xa9\xf0\x9f\x98\x80";
    const std::string text = quote(all);
    EXPECT_EQ(Document(text).root().as_string(), all);
    EXPECT_EQ(quote("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
    // eight bytes are looked at at once: wherever it stands among them, and in a longer text
    for (std::size_t size = 1; size < 20; ++size)
        for (std::size_t at = 0; at < size; ++at)
            for (const char c : {'"', '\\', '\n', '\x1f'}) {
                std::string some(size, 'a');
                some[at] = c;
                EXPECT_EQ(Document(quote(some)).root().as_string(), some);
                some[at] = '\xff';
                EXPECT_FALSE(is_utf8(some));
            }
}

TEST(Json, AValueIsWrittenAsItWasRead) {
    const auto again = [](std::string_view text) {
        const Document doc = parse(text);
        std::string out = "x";
        append_value(out, doc.root());
        return out.substr(1);
    };
    for (const std::string_view text :
         {"null", "true", "false", "0", "-0", "1.50", "1E+2", "-1e-999", "12345678901234567890123",
          "\"\"", "\"a\"", "[]", "{}", "[[],{},[{}]]",
          "{\"\":{\"a\":[1,2,{\"b\":null}]},\"c\":\"d\"}", "\"\xc3\xa9\xf0\x9f\x98\x80\"",
          R"("\"\\\u000a\u0001")"})
        EXPECT_EQ(again(text), text);
    EXPECT_EQ(again(" { \"a\" : [ 1 , \"\\u00e9\\/\" ] } "), "{\"a\":[1,\"\xc3\xa9/\"]}");
    std::string out;
    append_value(out, Value());
    EXPECT_EQ(out, "null");
    const std::string deep = std::string(30, '[') + std::string(30, ']');
    EXPECT_EQ(again(deep), deep);
}

TEST(ObjectWriter, MembersInTheirOrder) {
    std::string out = "[";
    ObjectWriter(out).end();
    EXPECT_EQ(out, "[{}");
    const Document doc = parse(R"({"v":[1]})");
    out.clear();
    ObjectWriter object(out);
    object.text("t\"", "{\n");
    object.raw("r", "{}");
    object.number("n", std::numeric_limits<std::int64_t>::min());
    object.boolean("y", true);
    object.boolean("f", false);
    object.null("z");
    object.value("v", doc.root().find("v"));
    object.value("m", doc.root().find("missing"));
    object.end();
    EXPECT_EQ(out,
              R"({"t\"":"{\u000a","r":{},"n":-9223372036854775808,"y":true,"f":false,"z":null,)"
              R"("v":[1],"m":null})");
}

TEST(ObjectWriter, BehindWhatIsThere) {
    std::string out = R"({"a":{)"; // an object in an object
    out.pop_back();
    ObjectWriter object(out);
    object.number("b", 1);
    object.end();
    EXPECT_EQ(out, R"({"a":{"b":1})");
}

} // namespace
} // namespace pg_principal::json
