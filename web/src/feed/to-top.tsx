import { useEffect, useState } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { IconButton } from "../ui/button.tsx";

/** The way back up, once it is long. */
export function ToTop() {
	const [far, setFar] = useState(false);
	useEffect(() => {
		const look = () => setFar(scrollY > 3 * innerHeight);
		look();
		addEventListener("scroll", look, { passive: true });
		return () => removeEventListener("scroll", look);
	}, []);
	if (!far) return null;
	return <IconButton class="to-top" icon="up" label={t("feed.toTop")} onClick={() => scrollTo({ top: 0 })} />;
}
