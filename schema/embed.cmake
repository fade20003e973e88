# Writes OUT: the SQL of FILES as schema_migrations[], in order, and that of VIEWS as schema_views, which
# agent/store/migrate.c applies. As bytes, because C99 promises no string literal longer than 4095.
# Run as: cmake -DOUT=migrations.c -DFILES=a.sql;b.sql -DVIEWS=views.sql -P embed.cmake
set(text "#include \"store/migrations.h\"\n\n")
set(names "")
list(SORT FILES)
foreach(file IN LISTS FILES VIEWS)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "static const unsigned char sql_${name}[] = {${bytes}0};\n")
  if(NOT file STREQUAL VIEWS)
    string(APPEND names "\t(const char *)sql_${name},\n")
  endif()
endforeach()
string(APPEND text "\nconst char *const schema_migrations[] = {\n${names}};\n"
  "const int schema_n_migrations = sizeof(schema_migrations) / sizeof(schema_migrations[0]);\n"
  "const char *const schema_views = (const char *)sql_views;\n")
file(WRITE ${OUT} "${text}")
