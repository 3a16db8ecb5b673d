-- PostgreSQL runs this once, on an empty volume: two accounts, each with a database of its own.
\getenv dagster_password DAGSTER_PG_PASSWORD
\getenv erp_password DB_PASSWORD
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE DATABASE dagster OWNER dagster;
CREATE ROLE erp LOGIN PASSWORD :'erp_password';
CREATE DATABASE erp OWNER erp;
