import type { feed as english } from "../en/feed.ts";
import type { Translation } from "../texts.ts";

export const feed: Translation<typeof english> = {
	title: "ホーム",
	feedLabel: "あなたのフィード",
	newPosts: "新しい投稿{count}件",
	sinceLastVisit: "前回からの新着",
	backToPlace: "読んでいた位置に戻る",
	loadOlder: "以前の投稿を読み込む",
	loadingOlder: "以前の投稿を読み込み中…",
	end: "最初の投稿まで表示しました。",
	building: "フィードを準備しています。見つかった投稿から順に表示されます。",
	catchingUp: "最新の状態を確認中…",
	emptyTitle: "まだ投稿がありません",
	emptyBody: "知り合いを探すか、最初の投稿を書いてみましょう。",
	findPeople: "ユーザーを探す",
	failedTitle: "フィードを読み込めませんでした",
	waiting: "送信待ち",
	sending: "送信中…",
	notSent: "送信できませんでした",
	sentAlready: "すでに送信されました",
	commentNotSent: "コメントを送信できませんでした",
	toTop: "トップへ戻る",
};
