import fc from "fast-check";
import { expect, it } from "vitest";
import { Trace, traceparent, traceparentIn, underTrace } from "../src/trace.ts";

const hex = (length: number) =>
	fc
		.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length })
		.filter((digits) => !/^0+$/.test(digits));
const given = fc.record({ id: hex(32), span: hex(16), flags: hex(2) });
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

it("a trace that came along goes on: the same id, another span, and who caused it", () => {
	fc.assert(
		fc.property(given, fc.uuid({ version: 4 }), fc.boolean(), ({ id, span, flags }, requestId, logged) => {
			const trace = Trace.ofRequest(`00-${id}-${span}-${flags}`, requestId, logged);
			expect(trace).toMatchObject({ id, parent: span, requestId, logged });
			expect(trace.span).not.toBe(span);
			const next = Trace.after(trace.traceparent);
			expect(next).toMatchObject({ id, parent: trace.span, requestId: undefined, logged });
			expect(next?.span).not.toBe(trace.span);
		}),
	);
});

it("a new trace has the digits of a request id that is a UUID, and others where that is none", () => {
	const requestId = "0B0A5C0E-6A55-4A3C-9A3A-6D2F5B8F7A11";
	expect(Trace.ofRequest(undefined, requestId, true).traceparent).toBe(
		"00-0b0a5c0e6a554a3c9a3a6d2f5b8f7a11-9a3a6d2f5b8f7a11-01",
	);
	for (const other of ["", "x", "00000000-0000-0000-0000-000000000000", `${requestId}0`]) {
		const { id, span, traceparent } = Trace.ofRequest(undefined, other, false);
		expect(traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
		expect(id).not.toMatch(/^0+$/);
		expect(span).not.toMatch(/^0+$/);
	}
});

it("what is malformed is as if it were not there", () => {
	for (const text of [
		"",
		"00",
		`00-${ID}-${SPAN}`,
		`00-${ID}-${SPAN}-0`,
		`00-${ID}-${SPAN}-01-more`,
		`ff-${ID}-${SPAN}-01`,
		`00-${ID.toUpperCase()}-${SPAN}-01`,
		`00-${"0".repeat(32)}-${SPAN}-01`,
		`00-${ID}-${"0".repeat(16)}-01`,
		`00-${ID}x-${SPAN}-01`,
		` 00-${ID}-${SPAN}-01`,
		`00-${ID}-${SPAN}-01, 00-${ID}-${SPAN}-01`,
	]) {
		expect(Trace.after(text), text).toBeUndefined();
		expect(Trace.ofRequest(text, "x", false).id, text).not.toBe(ID);
		expect(underTrace(text, traceparent), text).toBeUndefined();
	}
	// Of a version to come, what is known of this one is read.
	expect(Trace.after(`01-${ID}-${SPAN}-01-more`)).toMatchObject({ id: ID, parent: SPAN, logged: true });
});

it("goes beside calls, also across promises, and nowhere else", async () => {
	const seen = await underTrace(`00-${ID}-${SPAN}-01`, async () => {
		await Promise.resolve();
		return traceparent();
	});
	expect(seen).toMatch(new RegExp(`^00-${ID}-(?!${SPAN})[\\da-f]{16}-01$`));
	expect(traceparent()).toBeUndefined();
});

it("a message of any shape has a trace or none", () => {
	expect(traceparentIn({ v: 1, trace: "text" })).toBe("text");
	for (const other of [null, undefined, 5, "text", [], {}, { trace: 5 }, { trace: { trace: "x" } }])
		expect(traceparentIn(other)).toBeUndefined();
});
