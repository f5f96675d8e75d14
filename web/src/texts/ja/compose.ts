import type { compose as english } from "../en/compose.ts";
import type { Translation } from "../texts.ts";

export const compose: Translation<typeof english> = {
	editPost: "投稿を編集",
	text: "いまどうしてる?",
	audience: "公開範囲",
	post: "投稿する",
	addMedia: "写真や動画を追加",
	attached: "写真と動画",
	uploading: "{number}をアップロード中",
	uploadingPost: "アップロード中",
	uploadWaits: "接続が回復したらアップロードします。",
	describePhoto: "写真{number}の説明",
	describeVideo: "動画{number}の説明",
	moveUp: "{number}を上へ移動",
	moveDown: "{number}を下へ移動",
	remove: "{number}を削除",
	removeLink: "リンクのプレビューを削除",
	discard: "破棄",
	dontSend: "送信しない",
	tooMany: "写真と動画は{count}件まで投稿できます。",
	unusable: "{name}は使えません。対応している写真や動画ではありません。",
	lost: "この端末に見つかりません。削除してから追加し直してください。",
	notUploaded: "アップロードが終わっていません。通信環境を確認して、もう一度お試しください。",
	tooLong: "文字数が多すぎます。",
	left: "残り{count}文字",
	sentAlready: "この投稿はすでに送信されています。",
};
