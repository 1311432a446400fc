#!/usr/bin/perl
# Reads SQL modules. Complains about a SECURITY DEFINER function that leaves search_path to its caller,
# about a function, type, table, view or role without COMMENT ON, and about a literal with a backslash that is no
# E'...': what it means is up to standard_conforming_strings, which any role may set. And about NOT IN (SELECT):
# rows that do not fit into work_mem are compared each with each, and a NULL among them makes it NULL. And about set_config(),
# which the extension set_user refuses to whoever came by it: administrators. And about md5(),
# and about letters that become others by the locale of a database.
use strict;
use warnings;

my (%commented, @functions, $failed);

sub complain { print "$_[0]\n"; $failed = 1 }

for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    my $sql = do { local $/; <$in> };
    my $number = 0;
    for my $text (split /\n/, $sql) {
        $number++;
        (my $code = $text) =~ s/--.*//;
        while ($code =~ /(\w?)'((?:[^']|'')*)'/g) {
            complain("$file:$number: a backslash in a literal: write E'...', or [.] and [0-9]") if index($2, '\\') >= 0 && lc $1 ne 'e';
        }
        complain("$file:$number: set_config(): write SET LOCAL, or EXECUTE format('SET LOCAL ...') where it is computed") if $code =~ /\bset_config\s*\(/i;
        complain("$file:$number: md5(): a server in FIPS mode has none, write auth.named_id()") if $code =~ /\bmd5\s*\(/i;
        complain("$file:$number: lower() and upper() go by the database's locale (in Turkish I becomes another letter): COLLATE \"C\", or say -- by locale")
            if $code =~ /\b(lower|upper)\s*\(/i && $code !~ /COLLATE "C"/ && $text !~ /-- by locale/;
        complain("$file:$number: NOT IN (SELECT: write NOT EXISTS (SELECT") if $code =~ /\bNOT\s+IN\s*\(\s*SELECT\b/i;
    }
    # Comments and bodies are blanked, newlines kept, so that only statements remain.
    my $blank = sub { (my $s = $_[0]) =~ s/[^\n]/ /g; $s };
    my %body;
    my $n = 0;
    $sql =~ s{
        (?<quoted> \$(?<tag>\w*)\$ .*? \$\g{tag}\$ )
      | (?<comment> --[^\n]* | /\* .*? \*/ )
      | (?<string> '(?:[^']|'')*' )
    }{
        if    (defined $+{comment}) { $blank->($+{comment}) }
        elsif (defined $+{quoted})  { 'QUOTED' . ($+{quoted} =~ s/[^\n]//gr) }
        else                        { my $s = $+{string}; $s =~ s/[;]/ /g; $s }
    }gesx;
    $sql =~ s{(BEGIN\s+ATOMIC\b)(.*?)(\bEND\s*;)}{ "$1" . ($2 =~ s/[^\n]//gr) . ' END;' }gesi;

    my $line = 1;
    for my $statement (split /;/, $sql) {
        my ($lead) = $statement =~ /^(\s*)/;
        my $at = "$file:" . ($line + ($lead =~ tr/\n//));
        $line += $statement =~ tr/\n//;
        if ($statement =~ /^\s*COMMENT\s+ON\s+FUNCTION\s+([\w.]+)/i) {
            $commented{lc $1} = 1;
        } elsif ($statement =~ /^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\s+([\w.]+)/i) {
            my $name = lc $1;
            push @functions, [$name, $at] unless $statement =~ /RETURNS\s+(?:event_)?trigger\b/i;
            complain("$at: $name: SECURITY DEFINER without SET search_path = pg_catalog, pg_temp")
                if $statement =~ /SECURITY\s+DEFINER/i
                && $statement !~ /SET\s+search_path\s*(?:=|TO)\s*pg_catalog\s*,\s*pg_temp\b/i
                && $statement !~ /BEGIN\s+ATOMIC|\)\s*RETURN\b/i;
            complain("$at: $name: not in a schema; write auth.$name") if $name !~ /\./;
        }
    }
}
for (@functions) {
    my ($name, $at) = @$_;
    # A leading underscore marks what is not for users.
    complain("$at: $name has no COMMENT ON FUNCTION") unless $commented{$name} || $name =~ /\._/;
}
exit($failed ? 1 : 0);
