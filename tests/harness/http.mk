# Programs for the tests and measurements of the HTTP engine, with the frontend's own objects.
HTTP_OBJS := $(FRONTEND_OBJS) $(CORE_OBJS)

$(BUILD)/http/demo_server: tests/http/demo_server.cpp $(HTTP_OBJS)
	@mkdir -p $(@D)
	$(CXX) $(STRICT) $(HARDEN) -O1 $(FRONTEND_INCLUDES) -MMD -MP -MT $@ -MF $@.d $(filter %.cpp %.o,$^) $(FRONTEND_LIBS) -o $@

$(BUILD)/http/bare_httplib: tests/bench/bare_httplib.cpp $(HTTP_OBJS)
	@mkdir -p $(@D)
	$(CXX) $(STRICT) -O2 $(FRONTEND_INCLUDES) $(filter %.cpp %.o,$^) $(FRONTEND_LIBS) -o $@

$(BUILD)/http/http_load: tests/bench/http_load.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(STRICT) -O2 $(filter %.cpp,$^) -o $@

http-peers: $(BUILD)/http/bare_httplib $(BUILD)/http/http_load

# What measures is built with what is tested, so that it goes on building.
http-programs: $(BUILD)/http/demo_server http-peers

.PHONY: http-programs http-peers
-include $(wildcard $(BUILD)/http/*.d)
