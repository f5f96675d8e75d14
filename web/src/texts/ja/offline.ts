import type { offline as english } from "../en/offline.ts";
import type { Translation } from "../texts.ts";

export const offline: Translation<typeof english> = {
	newVersion: "新しいバージョンがあります",
	reload: "再読み込み",
	unsentTitle: "送信していない投稿があります",
	unsentBody: "いまログアウトすると、その投稿は削除されます。",
	signOutAnyway: "ログアウトする",
};
