import type { feed as english } from "../en/feed.ts";
import type { Translation } from "../texts.ts";

export const feed: Translation<typeof english> = {
	title: "홈",
	feedLabel: "내 피드",
	newPosts: "새 글 {count}개",
	sinceLastVisit: "지난 방문 이후 새 글",
	backToPlace: "읽던 곳으로 돌아가기",
	loadOlder: "이전 글 불러오기",
	loadingOlder: "이전 글을 불러오는 중…",
	end: "첫 번째 글까지 모두 봤어요.",
	building: "피드를 준비하고 있어요. 글을 찾는 대로 여기에 나타나요.",
	catchingUp: "최신 글을 확인하는 중…",
	emptyTitle: "아직 글이 없어요",
	emptyBody: "아는 사람을 찾아보거나 첫 글을 직접 써 보세요.",
	findPeople: "사람 찾기",
	failedTitle: "피드를 불러오지 못했어요",
	waiting: "전송 대기 중",
	sending: "보내는 중…",
	notSent: "보내지 못했어요",
	sentAlready: "이미 전송되었어요",
	commentNotSent: "댓글을 보내지 못했어요",
	toTop: "맨 위로",
};
