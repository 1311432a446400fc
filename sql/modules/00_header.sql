\echo Use "CREATE EXTENSION pg_principal" to load this file. \quit
