-- Asks what a file lists, a request a line: method, path, headers as `name: value`, all with tabs between.
-- Every thread begins elsewhere in the list. What came out is one line of JSON, marked as such.

local requests = {}
local at = 0
local threads = 0

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end

function init(args)
	for line in io.lines(args[1]) do
		local method, path, rest = line:match("^([^\t]+)\t([^\t]+)(.*)$")
		local headers = {}
		for name, value in rest:gmatch("\t([^:\t]+): ([^\t]*)") do
			headers[name] = value
		end
		requests[#requests + 1] = wrk.format(method, path, headers)
	end
	at = number * 997
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function done(summary, latency)
	local failed = summary.errors
	io.write(string.format(
		'RESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":%d}\n',
		summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
		failed.connect + failed.read + failed.write + failed.status + failed.timeout
	))
end
