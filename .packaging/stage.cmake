# cpack runs this when the files to package lie in a folder: adds what packages have besides, and makes them the same in each build.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(docs ${root}/share/doc/backlogctl)
set(here ${CPACK_BACKLOGCTL_SOURCE}/.packaging)
set(epoch $ENV{SOURCE_DATE_EPOCH})
if(NOT epoch)
  message(FATAL_ERROR "SOURCE_DATE_EPOCH is not set: build packages by .packaging/build")
endif()

execute_process(COMMAND strip --remove-section=.comment --remove-section=.note ${root}/bin/backlogctl COMMAND_ERROR_IS_FATAL ANY)
file(MAKE_DIRECTORY ${docs})
file(COPY_FILE ${CPACK_BACKLOGCTL_SOURCE}/.github/CHANGELOG.md ${docs}/changelog)
if(CPACK_GENERATOR STREQUAL DEB)
  file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions) # where Debian's zsh looks for those of packages
  # The licence is said once, in LICENSE; here its lines are a paragraph of a field.
  file(STRINGS ${CPACK_BACKLOGCTL_SOURCE}/LICENSE lines)
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "^(MIT License|Copyright .*|)$")
      string(APPEND LICENSE_TEXT " ${line}\n")
    endif()
  endforeach()
  configure_file(${here}/copyright ${docs}/copyright @ONLY)
  execute_process(COMMAND date --utc --rfc-email --date=@${epoch} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
  file(WRITE ${docs}/changelog.Debian "backlogctl (${version}) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}; changelog.gz tells what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  file(COPY ${here}/lintian/backlogctl DESTINATION ${root}/share/lintian/overrides)
else()
  file(COPY ${CPACK_BACKLOGCTL_SOURCE}/LICENSE DESTINATION ${root}/share/licenses/backlogctl)
endif()

file(GLOB_RECURSE texts ${docs}/changelog* ${root}/share/man/*.[1-9])
execute_process(COMMAND gzip --best --no-name ${texts} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE others ${docs}/* ${root}/share/man/* ${root}/share/lintian/* ${root}/share/licenses/*)
file(CHMOD ${others} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
execute_process(COMMAND find ${CPACK_TEMPORARY_INSTALL_DIRECTORY} -exec touch --no-dereference --date=@${epoch} {} +
  COMMAND_ERROR_IS_FATAL ANY)
