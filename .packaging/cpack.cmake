# What the packages of cpack have in common, and what is said of them; .packaging/build calls it.
set(CPACK_PACKAGE_NAME backlogctl)
set(CPACK_PACKAGE_VENDOR "The backlogctl authors")
set(CPACK_PACKAGE_CONTACT "The backlogctl authors <backlogctl@users.noreply.github.com>" CACHE STRING "Who answers for a package: NAME <ADDRESS>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "see, test and size the listen backlogs of TCP servers")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${CMAKE_CURRENT_LIST_DIR}/description)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/stage.cmake)
set(CPACK_BACKLOGCTL_SOURCE ${PROJECT_SOURCE_DIR})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Those that are loaded when they are needed (late.h), which no tool finds in the binary.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libncursesw6 (>= 6)")
set(late_rpm libncursesw.so.6)
if(NOT TRACE_LACKS)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libbpf1 (>= 1.0)")
  list(APPEND late_rpm libbpf.so.1)
endif()
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_PACKAGE_GROUP Applications/Internet)
set(CPACK_RPM_PACKAGE_AUTOREQ ON)
if(CMAKE_SIZEOF_VOID_P EQUAL 8)
  list(TRANSFORM late_rpm APPEND "()(64bit)")
endif()
list(JOIN late_rpm ", " CPACK_RPM_PACKAGE_REQUIRES)
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /usr /usr/bin /usr/share /usr/share/doc /usr/share/licenses /usr/share/man /usr/share/man/man1 /usr/share/man/man7)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none
%define source_date_epoch_from_changelog 0
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1
%define _buildhost reproducible
%define debug_package %{nil}")

include(CPack)
