import type { compose as english } from "../en/compose.ts";
import type { Translation } from "../texts.ts";

export const compose: Translation<typeof english> = {
	editPost: "글 수정",
	text: "무슨 일이 있나요?",
	audience: "누가 볼 수 있나요?",
	post: "올리기",
	addMedia: "사진이나 동영상 추가",
	attached: "사진과 동영상",
	uploading: "{number}번 올리는 중",
	uploadingPost: "올리는 중",
	uploadWaits: "네트워크에 연결되면 바로 올라가요.",
	describePhoto: "{number}번 사진 설명",
	describeVideo: "{number}번 동영상 설명",
	moveUp: "{number}번 위로 옮기기",
	moveDown: "{number}번 아래로 옮기기",
	remove: "{number}번 삭제",
	removeLink: "링크 미리보기 지우기",
	discard: "모두 지우기",
	dontSend: "보내지 않기",
	tooMany: "사진과 동영상은 {count}개까지 올릴 수 있어요.",
	unusable: "{name} 파일은 올릴 수 없어요. 지원하는 사진이나 동영상이 아니에요.",
	lost: "이 기기에서 찾을 수 없어요. 삭제한 뒤 다시 추가해 주세요.",
	notUploaded: "아직 다 올라가지 않았어요. 네트워크를 확인하고 다시 시도해 주세요.",
	tooLong: "글이 너무 길어요.",
	left: "{count}자 남음",
	sentAlready: "이미 전송된 글이에요.",
};
