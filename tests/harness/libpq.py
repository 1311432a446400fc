"""libpq through ctypes: what a test needs that must tell an answer from a lost connection."""

import ctypes

_pq = ctypes.CDLL("libpq.so.5")
_text = ctypes.c_char_p
for _name, _result, _arguments in (
        ("PQconnectdb", ctypes.c_void_p, [_text]), ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
        ("PQfinish", None, [ctypes.c_void_p]), ("PQerrorMessage", _text, [ctypes.c_void_p]),
        ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, _text]),
        ("PQexecParams", ctypes.c_void_p, [ctypes.c_void_p, _text, ctypes.c_int, ctypes.c_void_p,
                                           ctypes.POINTER(_text), ctypes.c_void_p, ctypes.c_void_p,
                                           ctypes.c_int]),
        ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]), ("PQclear", None, [ctypes.c_void_p]),
        ("PQresultErrorField", _text, [ctypes.c_void_p, ctypes.c_int]),
        ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
        ("PQnfields", ctypes.c_int, [ctypes.c_void_p]), ("PQbackendPID", ctypes.c_int,
        [ctypes.c_void_p]),
        ("PQgetisnull", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
        ("PQgetvalue", _text, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int])):
    _function = getattr(_pq, _name)
    _function.restype, _function.argtypes = _result, _arguments

_NOTICES = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _text)
_quiet = _NOTICES(lambda _, __: None)
_pq.PQsetNoticeProcessor.argtypes = [ctypes.c_void_p, _NOTICES, ctypes.c_void_p]


class Lost(Exception):
    """No answer: whatever was asked for has happened, or has not."""


class Refused(Exception):
    """The server's answer is an error."""

    def __init__(self, sqlstate, message, detail):
        super().__init__(f"{sqlstate} {message} {detail or ''}")
        self.sqlstate, self.detail = sqlstate, detail


class Connection:
    """Where the environment leads, or CONNINFO."""

    def __init__(self, conninfo=""):
        self._conn = _pq.PQconnectdb(f"connect_timeout=10 {conninfo}".encode())
        if _pq.PQstatus(self._conn) != 0:
            message = _pq.PQerrorMessage(self._conn).decode()
            _pq.PQfinish(self._conn)
            self._conn = None
            raise Lost(message)
        _pq.PQsetNoticeProcessor(self._conn, _quiet, None)
        self.pid = _pq.PQbackendPID(self._conn)

    def close(self):
        if self._conn is not None:
            _pq.PQfinish(self._conn)
            self._conn = None

    def __del__(self):
        self.close()

    def rows(self, sql, *values):
        """Every row, a tuple of str and None each. Without values SQL may hold several statements."""
        if values:
            given = (_text * len(values))(*(None if v is None else str(v).encode() for v in values))
            result = _pq.PQexecParams(self._conn, sql.encode(), len(values), None, given, None,
                None, 0)
        else:
            result = _pq.PQexec(self._conn, sql.encode())
        try:
            return self._read(result)
        finally:
            _pq.PQclear(result)

    def _read(self, result):
        status = _pq.PQresultStatus(result) if result else 7
        if status in (1, 2):
            return [tuple(None if _pq.PQgetisnull(result, row, field) else _pq.PQgetvalue(result,
                row, field).decode()
                          for field in range(_pq.PQnfields(result)))
                          for row in range(_pq.PQntuples(result))]
        field = (lambda code: (_pq.PQresultErrorField(result, ord(code))
            or b"").decode()) if result else lambda _: ""
        state = field("C")
        if _pq.PQstatus(self._conn) != 0 or not state or state.startswith("57P"):
            raise Lost(_pq.PQerrorMessage(self._conn).decode())
        raise Refused(state, field("M"), field("D"))

    def row(self, sql, *values):
        found = self.rows(sql, *values)
        return found[0] if found else None

    def value(self, sql, *values):
        return self.row(sql, *values)[0]
