# The extension with AddressSanitizer and UndefinedBehaviorSanitizer in it, for tests/torture/sanitizers.sh.
SANITIZED := $(BUILD)/sanitized
SANITIZE := -O1 -fPIC -fvisibility=hidden -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZED_PG_FLAGS = $(filter-out $(HARDEN),$(PG_FLAGS)) $(SANITIZE)

sanitized: $(SANITIZED)/pg_principal.so $(SANITIZED)/pg_principal_pgjwt.so

$(SANITIZED)/core/%.o: extension/core/%.cpp Makefile tests/harness/sanitize.mk
	@mkdir -p $(@D)
	$(CXX) $(STRICT) $(SANITIZE) -Iextension -MMD -MP -c $< -o $@

$(SANITIZED)/pg/%.o: extension/pg/%.cpp Makefile tests/harness/sanitize.mk $(SERVER)
	@mkdir -p $(@D)
	$(CXX) $(SANITIZED_PG_FLAGS) -MMD -MP -c $< -o $@

$(SANITIZED)/pgjwt/%.o: extension/pgjwt/%.cpp Makefile tests/harness/sanitize.mk $(SERVER)
	@mkdir -p $(@D)
	$(CXX) $(SANITIZED_PG_FLAGS) -MMD -MP -c $< -o $@

# As the Makefile links them, so that what is exported and bound early is the same.
$(SANITIZED)/pg_principal.so: $(CORE_SRC:extension/%.cpp=$(SANITIZED)/%.o) $(PG_SRC:extension/%.cpp=$(SANITIZED)/%.o)
	$(CXX) -shared -fsanitize=address,undefined $^ $(SHLIB_LINK) -o $@
$(SANITIZED)/pg_principal_pgjwt.so: $(PGJWT_OBJS:$(BUILD)/obj/%=$(SANITIZED)/%) $(CORE_SRC:extension/%.cpp=$(SANITIZED)/%.o)
	$(CXX) -shared -fsanitize=address,undefined $^ -lcrypto -Wl,--version-script=extension/exports.map -o $@

.PHONY: sanitized
-include $(wildcard $(SANITIZED)/*/*.d $(SANITIZED)/*/*/*.d)
