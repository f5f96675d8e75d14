import { createServer } from "node:net";

/** A port on loopback that nobody listens at. */
export async function freePort(): Promise<number> {
	return new Promise((found, failed) => {
		const probe = createServer();
		probe.on("error", failed);
		probe.listen(0, "127.0.0.1", () => {
			const address = probe.address();
			probe.close(() => found(typeof address === "object" && address ? address.port : 0));
		});
	});
}
