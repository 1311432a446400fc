# The library of pg_principal_pgjwt: its laxness stays out of pg_principal's own.
PGJWT_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal_pgjwt.control)
PGJWT_LIB := $(BUILD)/pg_principal_pgjwt.so
PGJWT_OBJS := $(patsubst extension/%.cpp,$(BUILD)/obj/%.o,$(wildcard extension/pgjwt/*.cpp)) \
	$(BUILD)/obj/pg/bridge/bridge.o

$(BUILD)/obj/pgjwt/%.o: extension/pgjwt/%.cpp Makefile extension/pgjwt/pgjwt.mk $(SERVER) $(FLAGS)
	@mkdir -p $(@D)
	$(CXX) $(PG_FLAGS) $(EXTRA_FLAGS) -MMD -MP -c $< -o $@

# An archive: the linker takes only the few core objects that are called.
$(BUILD)/obj/pgjwt/core.a: $(CORE_OBJS)
	@mkdir -p $(@D) && rm -f $@
	ar rcs $@ $^

$(PGJWT_LIB): $(PGJWT_OBJS) $(BUILD)/obj/pgjwt/core.a extension/exports.map
	$(CXX) -shared -o $@ $(filter %.o %.a,$^) $(LDFLAGS) $(LDFLAGS_SL) -lcrypto \
		-Wl,--version-script=extension/exports.map

all extension: $(PGJWT_LIB)
install: install-pgjwt
install-pgjwt: $(PGJWT_LIB)
	mkdir -p '$(DESTDIR)$(pkglibdir)' '$(DESTDIR)$(datadir)/extension'
	install -m 755 $(INSTALL_STRIP_FLAG) $(PGJWT_LIB) '$(DESTDIR)$(pkglibdir)/'
	install -m 644 extension/pg_principal_pgjwt.control \
		sql/pgjwt/pg_principal_pgjwt--$(PGJWT_VERSION).sql '$(DESTDIR)$(datadir)/extension/'
uninstall: uninstall-pgjwt
uninstall-pgjwt:
	rm -f '$(DESTDIR)$(pkglibdir)/pg_principal_pgjwt.so' \
		'$(DESTDIR)$(datadir)/extension/pg_principal_pgjwt.control' \
		'$(DESTDIR)$(datadir)/extension/pg_principal_pgjwt--$(PGJWT_VERSION).sql'

.PHONY: install-pgjwt uninstall-pgjwt
