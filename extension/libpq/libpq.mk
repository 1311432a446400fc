# libpq-oauth.so, by which stock psql 19 sends a token in hand. Only libpq 19 and later load it.
LIBPQ_OAUTH := $(BUILD)/libpq/libpq-oauth.so
LIBPQ_OAUTH_DIR = $(patsubst %/,%,$(dir $(patsubst %/,%,$(COMMAND_DIR))))/lib/pg_principal

$(LIBPQ_OAUTH): extension/libpq/libpq_oauth.cpp Makefile extension/libpq/libpq.mk $(FLAGS)
	@mkdir -p $(@D)
	$(CXX) $(STRICT) $(HARDEN) $(EXTRA_FLAGS) -isystem $(includedir) -fvisibility=hidden -shared $< -Wl,-z,relro,-z,now -lpq -o $@

ifneq ($(shell grep -ls PGoauthBearerRequestV2 $(shell $(PG_CONFIG) --includedir 2>/dev/null)/libpq-fe.h),)
ifneq ($(FRONTEND),no)
all: $(LIBPQ_OAUTH)
install: install-libpq-oauth
install-libpq-oauth: $(LIBPQ_OAUTH)
	mkdir -p '$(DESTDIR)$(LIBPQ_OAUTH_DIR)'
	install -m 755 $(INSTALL_STRIP_FLAG) $< '$(DESTDIR)$(LIBPQ_OAUTH_DIR)/libpq-oauth.so'
endif
endif
uninstall: uninstall-libpq-oauth
uninstall-libpq-oauth:
	rm -rf '$(DESTDIR)$(LIBPQ_OAUTH_DIR)'

.PHONY: install-libpq-oauth uninstall-libpq-oauth
