#!/usr/bin/env python3
"""Reads Delta tables with other people's readers and prints what each of them saw, as JSON.

usage: check_tables.py TABLES_DIR TABLE...

Per table: the protocol, the columns with their types and comments, the row count and a checksum of all values by each
reader, and the identifying columns of which a Parquet footer tells bounds (there must be none). The checksum does not
depend on the order of rows; tests/it/readers.rs computes the same over what `panorama tables show` prints.
"""

import datetime
import json
import os
import sys

import deltalake
import duckdb
import polars
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    """A value as the text both sides agree on."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.9f}"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bytes):
        return f"'{value.decode('utf-8', 'replace')}'"
    if isinstance(value, datetime.datetime):
        # Exact to the microsecond; a value without a zone would be a value of unknown meaning.
        micros = (value - EPOCH) // datetime.timedelta(microseconds=1)
        whole = EPOCH + datetime.timedelta(microseconds=micros)
        return f"'{whole:%Y-%m-%dT%H:%M:%S.%f}Z'"
    if isinstance(value, datetime.date):
        return f"'{value.isoformat()}'"
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(key)}:{text(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(text(item) for item in value) + "]"


def fnv(line):
    """FNV-1a, 64 bits."""
    state = 0xCBF29CE484222325
    for byte in line.encode():
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state


def pairs(entries):
    """A map as a dictionary; readers give lists of pairs, or of structs where they have no maps."""
    return dict(entry.values() if isinstance(entry, dict) else entry for entry in entries)


def seen(arrow, schema):
    """Row count and checksum of what a reader gave as an Arrow table, its columns in the order of the table's."""
    maps = {field.name for field in schema if str(field.type).startswith("map")}
    total = 0
    for row in arrow.to_pylist():
        values = (pairs(row[name]) if name in maps and row[name] is not None else row[name] for name in schema.names)
        total += fnv("|".join(map(text, values)))
    return {"rows": arrow.num_rows, "checksum": f"{total & 0xFFFFFFFFFFFFFFFF:016x}"}


def as_arrow(relation):
    """A DuckDB result as an Arrow table, whatever this version calls it."""
    result = relation.to_arrow_table() if hasattr(relation, "to_arrow_table") else relation.arrow()
    return result.read_all() if hasattr(result, "read_all") else result


def by_duckdb(table, schema):
    """DuckDB over the table as a data set, and over its live files with no help of Delta at all."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("asked", table.to_pyarrow_dataset())
    readers = {"duckdb_dataset": seen(as_arrow(connection.sql("SELECT * FROM asked")), schema)}
    files = table.file_uris()
    if files:
        live = "SELECT * FROM read_parquet(?, hive_partitioning = ?, union_by_name = true)"
        partitioned = bool(table.metadata().partition_columns)
        arrow = as_arrow(connection.sql(live, params=[files, partitioned]))
        readers["duckdb_parquet"] = seen(arrow, schema)
    return readers


def footers(table, identifying):
    """Identifying columns with bounds in the footer of a live file."""
    told = set()
    for uri in table.file_uris():
        metadata = pyarrow.parquet.ParquetFile(uri.removeprefix("file://")).metadata
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                column = metadata.row_group(group).column(place)
                name = column.path_in_schema.split(".")[0]
                statistics = column.statistics
                if name in identifying and statistics is not None and statistics.has_min_max:
                    told.add(name)
    return sorted(told)


def check(path):
    table = deltalake.DeltaTable(path)
    arrow = table.to_pyarrow_table()
    fields = {field.name: field for field in table.schema().fields}
    identifying = {name for name, field in fields.items() if field.metadata.get("identifying") == "true"}
    protocol = table.protocol()
    readers = {
        "deltalake": seen(arrow, arrow.schema),
        "polars_read": seen(polars.read_delta(path).to_arrow(), arrow.schema),
        "polars_scan": seen(polars.scan_delta(path).collect().to_arrow(), arrow.schema),
        **by_duckdb(table, arrow.schema),
    }
    return {
        "version": table.version(),
        "protocol": [protocol.min_reader_version, protocol.min_writer_version],
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "comment": fields[field.name].metadata.get("comment", ""),
                "identifying": field.name in identifying,
            }
            for field in arrow.schema
        ],
        "bounds_in_footers": footers(table, identifying),
        "readers": readers,
    }


def main():
    place, names = sys.argv[1], sys.argv[2:]
    json.dump({name: check(os.path.join(place, name)) for name in names}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
