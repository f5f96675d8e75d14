import type { offline as english } from "../en/offline.ts";
import type { Translation } from "../texts.ts";

export const offline: Translation<typeof english> = {
	newVersion: "새 버전이 준비됐어요",
	reload: "새로고침",
	unsentTitle: "아직 보내지 않은 글이 있어요",
	unsentBody: "지금 로그아웃하면 그 글이 삭제돼요.",
	signOutAnyway: "그래도 로그아웃",
};
