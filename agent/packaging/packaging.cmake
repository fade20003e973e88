# What a host gets beside the programs, and the Debian packages: `sh agent/packaging/deb.sh` makes them.
#
#   payi-agent    the agent, its unit, its user, /etc/payi/agent.conf
#   libpayi0      the library that applications link to
#   libpayi-dev   its header, the static library, what pkg-config and CMake ask for
#
# Files of the system (units, users, /etc) are installed with the prefix /usr alone: below /usr/local nobody would read them.
if(PAYI_AGENT AND CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(packaging ${PROJECT_SOURCE_DIR}/agent/packaging)
  set(made ${PROJECT_BINARY_DIR}/packaging)
  configure_file(${packaging}/payi-agent.service.in ${made}/payi-agent.service @ONLY)
  add_custom_command(OUTPUT ${made}/agent.conf
    COMMAND ${CMAKE_COMMAND} -E env PAYI_CONFIG=/dev/null $<TARGET_FILE:payi-agent> config sample > ${made}/agent.conf
    DEPENDS payi-agent VERBATIM)
  add_custom_target(payi_sample ALL DEPENDS ${made}/agent.conf)
  install(FILES ${made}/payi-agent.service DESTINATION lib/systemd/system COMPONENT agent)
  install(FILES ${packaging}/sysusers.conf DESTINATION lib/sysusers.d RENAME payi-agent.conf COMPONENT agent)
  install(FILES ${packaging}/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME payi-agent.conf COMPONENT agent)
  install(FILES ${made}/agent.conf DESTINATION /etc/payi COMPONENT agent)
  install(DIRECTORY DESTINATION /etc/payi/agent.conf.d COMPONENT agent)
  foreach(package payi-agent:agent libpayi0:library libpayi-dev:development)
    string(REPLACE ":" ";" package ${package})
    list(GET package 0 name)
    list(GET package 1 component)
    install(FILES ${packaging}/deb/copyright ${packaging}/deb/changelog DESTINATION share/doc/${name} COMPONENT ${component})
  endforeach()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME payi-agent)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(PAYI_PACKAGE_CONTACT "payi-agent <root@localhost>" CACHE STRING "Name <address> of who answers for the packages")
set(CPACK_PACKAGE_CONTACT ${PAYI_PACKAGE_CONTACT})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL agent library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/agent/packaging/deb/pack.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_AGENT_PACKAGE_NAME payi-agent)
set(CPACK_DEBIAN_AGENT_PACKAGE_SECTION net)
set(CPACK_COMPONENT_AGENT_DESCRIPTION "local aggregation agent for Pay-i
Drains what applications track with libpayi from shared memory, keeps it in
SQLite as a history to be asked, and sends it to Pay-i in batches.")
set(CPACK_DEBIAN_AGENT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS
  "ca-certificates, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "sqlite3")
set(deb ${PROJECT_SOURCE_DIR}/agent/packaging/deb)
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA "${deb}/conffiles;${deb}/postinst;${deb}/prerm;${deb}/postrm")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libpayi0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "tracking library for Pay-i
Applications write what they track into a ring in shared memory, in about a
hundred nanoseconds; payi-agent does the rest.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${deb}/triggers;${deb}/shlibs")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SUGGESTS "payi-agent")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libpayi-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "tracking library for Pay-i, to build with
The header, the static library, and what pkg-config and CMake ask for.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libpayi0 (= ${PROJECT_VERSION})")

include(CPack)
