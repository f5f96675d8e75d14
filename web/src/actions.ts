import { useCallback, useRef, useState } from "preact/hooks";
import { problemText } from "./problems.ts";
import { toast } from "./ui/toast.tsx";

/** Something that is done on the server, once at a time. An error is told by a toast, unless `onError` takes it. */
export function useAction<Given extends unknown[]>(
	act: (...given: Given) => Promise<void>,
	onError?: (error: unknown) => void,
): [run: (...given: Given) => Promise<void>, busy: boolean] {
	const [busy, setBusy] = useState(false);
	const running = useRef(false);
	const latest = useRef({ act, onError });
	latest.current = { act, onError };
	const run = useCallback(async (...given: Given) => {
		if (running.current) return;
		running.current = true;
		setBusy(true);
		try {
			await latest.current.act(...given);
		} catch (error) {
			if (latest.current.onError) latest.current.onError(error);
			else toast(problemText(error), { kind: "problem" });
		} finally {
			running.current = false;
			setBusy(false);
		}
	}, []);
	return [run, busy];
}
