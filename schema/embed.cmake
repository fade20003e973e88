# Writes OUT: the SQL of FILES as schema_migrations[], which agent/store/migrate.c applies in order.
# Run as: cmake -DOUT=migrations.c -DFILES=a.sql;b.sql -P embed.cmake
set(text "#include \"store/migrations.h\"\n\nconst char *const schema_migrations[] = {\n")
list(SORT FILES)
foreach(file IN LISTS FILES)
  file(READ ${file} sql)
  string(REPLACE "\\" "\\\\" sql "${sql}")
  string(REPLACE "\"" "\\\"" sql "${sql}")
  string(REPLACE "\n" "\\n\"\n\t\"" sql "${sql}")
  string(APPEND text "\t\"${sql}\",\n")
endforeach()
string(APPEND text "};\nconst int schema_n_migrations = sizeof(schema_migrations) / sizeof(schema_migrations[0]);\n")
file(WRITE ${OUT} "${text}")
