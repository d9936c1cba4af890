# Makes an array of a compiled object: cmake -DIN=FILE.o -DOUT=FILE.c -P embed.cmake
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>
extern const unsigned char trace_object[];
extern const size_t trace_object_size;
_Alignas(8) const unsigned char trace_object[] = {${bytes}};
const size_t trace_object_size = sizeof trace_object;
")
