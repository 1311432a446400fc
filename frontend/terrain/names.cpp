#include "terrain/names.hpp"

#include <numeric>
#include <string_view>

#include "base/text.hpp"
#include "core/base/text.hpp"
#include "terrain/random.hpp"

namespace pg_principal::cli {

namespace {

// Plain ASCII, so that the address is the name in lower case.
const std::vector<std::string_view> given_names = split(
    "Ada Adele Ahmed Aiko Alan Alba Amara Amir Anders Anika Anton Asha Astrid Aurora Bella "
    "Benedict Bjorn Bruno Camila Carlos Carmen Cecilia Chen Chloe Clara Daniel Daria David Diego "
    "Dora Edith Elena Elias Emeka Emil Erik Esther Eva Farah Fatima Felix Fiona Frida Gabriel "
    "Grace Greta Hana Hassan Hedy Helena Hugo Ida Idris Imani Ines Ingrid Irene Isaac Ivan Jamila "
    "Jan Jasper Joan Jonas Julia Kaito Karim Katya Keiko Kofi Lars Layla Leila Leo Lin Lucia "
    "Magnus Malik Marco Maria Marta Mateo Mei Mila Mina Nadia Nia Nils Noor Olga Omar Oscar Paula "
    "Petra Priya Rafael Rania Ravi Rosa Ruth Samir Sara Sofia Stefan Sven Tara Tomas Uma Vera "
    "Viktor Yara Zoe",
    ' ');

const std::vector<std::string_view> family_names = split(
    "Abadi Abe Acosta Adeyemi Ahlberg Alvarez Amari Andersen Aoki Arden Arslan Asante Baker "
    "Banerjee Barros Bauer Becker Bell Berg Bianchi Blanc Bloom Borg Bose Brandt Bravo Brooks "
    "Campos Cardoso Carter Castro Chandra Cheng Cole Conti Cooper Costa Cruz Dahl Dalton Das "
    "Delgado Desai Diallo Diaz Dietrich Duarte Dumont Ek Ellis Engel Eriksen Esposito Falk Farouk "
    "Fischer Fleming Fontaine Foster Franco Frost Fujita Gallo Garcia Gauthier Ghosh Gibson Gomes "
    "Graf Grant Gupta Haddad Hagen Hansen Hart Hayashi Heller Herrera Hoffman Holm Huang Ibarra "
    "Ito Iyer Jansen Jensen Joshi Kamau Kang Kapoor Karlsson Kato Keller Khan Kim Klein Koch "
    "Kovac Kruger Kumar Lam Larsen Laurent Lee Leone Lind Lopez Lund Maier Malik Marin Martel "
    "Mehta Mendes Meyer Mori Moreau Mwangi Nakamura Navarro Nguyen Nilsen Novak Nunez Okafor "
    "Olsen Ono Ortiz Park Patel Pereira Popov Quinn Rao Reyes Ricci Rivera Romano Rossi Roy Sato "
    "Schmidt Sharma Silva Singh Sokolov Sorensen Suzuki Tanaka Torres Tran Usman Vargas Vega "
    "Vogel Weber Wong Yamada Yilmaz Zhang",
    ' ');

// Letters and digits in lower case, anything between them as one separator.
std::string joined(std::string_view name, char separator) {
    std::string out;
    for (const char c : lower_ascii(name)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80))
            out += c;
        else if (!out.empty() && out.back() != separator)
            out += separator;
    }
    while (!out.empty() && out.back() == separator)
        out.pop_back();
    return out;
}

} // namespace

NameSource::NameSource(std::uint64_t seed, std::string domain)
    : domain_(std::move(domain)), label_(joined(domain_.substr(0, domain_.find('.')), '-')),
      order_(given_names.size() * family_names.size()) {
    std::iota(order_.begin(), order_.end(), 0U);
    Random(seed).shuffle(order_);
}

// The domain's first label keeps two stories in one database apart: the username is unique there.
RosterRow NameSource::named(const std::string &name) const {
    const std::string username = joined(name, '-');
    RosterRow row;
    row.email = joined(name, '.') + '@' + domain_;
    row.name = name;
    row.github_username = label_.empty() ? username : username + '-' + label_;
    return row;
}

RosterRow NameSource::next() {
    while (true) {
        const std::uint32_t pair = order_[at_ % order_.size()];
        const std::size_t round = at_++ / order_.size();
        std::string name(given_names[pair / family_names.size()]);
        name += ' ';
        name += family_names[pair % family_names.size()];
        if (round > 0)
            name += ' ' + std::to_string(round + 1);
        RosterRow found = named(name);
        if (take(*found.email))
            return found;
    }
}

} // namespace pg_principal::cli
