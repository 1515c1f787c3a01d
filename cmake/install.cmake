# `cmake --install build [--prefix DIR]`: programs, manual pages, documents, systemd unit.
install(TARGETS kintail kintail-sandbox RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/kintail.1 docs/kintail-sandbox.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/configuration.md docs/credentials.md docs/queue-format.md config/kintail.yaml
        config/kintail.schema.json
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY config/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The @...@ of systemd's own syscall groups stay as they are: only names in capitals are replaced.
configure_file(systemd/kintail.service.in kintail.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/kintail.service DESTINATION lib/systemd/system)
