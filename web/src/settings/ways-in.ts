import type { WaysIn } from "@edgefeed/sdk";
import { useCallback, useEffect, useState } from "preact/hooks";
import { edgefeed } from "../session.ts";

/** By what the account can be signed in to; undefined until that is known. `look` asks anew. */
export function useWaysIn(): { ways: WaysIn | undefined; look: () => void } {
	const [ways, setWays] = useState<WaysIn>();
	const look = useCallback(() => {
		edgefeed.session.waysIn().then(setWays, () => undefined);
	}, []);
	useEffect(look, []);
	return { ways, look };
}
