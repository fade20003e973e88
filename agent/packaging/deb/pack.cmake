# Run by cpack, before it makes packages of what was installed: Debian has manual pages and changelogs packed, without
# a time in them.
file(GLOB_RECURSE files
  "${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/man*/*"
  "${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog")
foreach(file IN LISTS files)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
