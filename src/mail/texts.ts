import { html } from "hono/html";
import { parseAccept } from "hono/utils/accept";

export const LANGUAGES = ["en", "ko", "ja", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

/** What a message is about. */
export type Mail =
	/** The address is to be confirmed. */
	| { kind: "verify"; link: string }
	/** The owner of the old address is to confirm the change to a new one. */
	| { kind: "change"; link: string; newAddress: string }
	/** A new password: by a link to a page of the client's, or else by a code to be typed in. */
	| { kind: "reset"; link: string | undefined; code: string }
	/** Somebody signed up with the address of an account. */
	| { kind: "exists" };

export interface EmailText {
	subject: string;
	text: string;
	html: string;
}

/** @returns the language of an `Accept-Language` header that there are messages in; English else. */
export function languageOf(header: string | null | undefined): Language {
	for (const { type } of parseAccept(header ?? "")) {
		const [primary] = type.toLowerCase().split("-");
		const language = LANGUAGES.find((each) => each === primary);
		if (language) return language;
	}
	return "en";
}

interface Words {
	verify: [subject: string, text: string];
	change: [subject: string, text: (address: string) => string];
	reset: [subject: string, byLink: string, byCode: string];
	exists: [subject: string, text: string];
	/** How long it is good, and what to do if it was not you. */
	note: string;
}

const WORDS: Readonly<Record<Language, Words>> = {
	en: {
		verify: ["Confirm your e-mail address", "Open this link to confirm your address:"],
		change: ["Confirm your new e-mail address", (address) => `Open this link to change your address to ${address}:`],
		reset: ["Choose a new password", "Open this link to choose a new password:", "Your code for a new password:"],
		exists: [
			"You already have an account",
			"Somebody signed up with this address, which has an account already. Sign in, or ask for a new password.",
		],
		note: "It is good for one hour. If it was not you who asked for it, you need not do anything.",
	},
	ko: {
		verify: ["이메일 주소를 확인해 주세요", "아래 링크를 열어 이메일 주소를 확인해 주세요."],
		change: [
			"새 이메일 주소를 확인해 주세요",
			(address) => `아래 링크를 열면 이메일 주소가 ${address}(으)로 변경됩니다.`,
		],
		reset: ["새 비밀번호 설정", "아래 링크를 열어 새 비밀번호를 설정해 주세요.", "새 비밀번호 설정 코드:"],
		exists: [
			"이미 계정이 있습니다",
			"이 이메일 주소로 가입이 시도되었지만 이미 계정이 있습니다. 로그인하거나 비밀번호를 재설정해 주세요.",
		],
		note: "한 시간 동안 유효합니다. 본인이 요청하지 않았다면 아무것도 하지 않으셔도 됩니다.",
	},
	ja: {
		verify: ["メールアドレスの確認", "次のリンクを開いて、メールアドレスを確認してください。"],
		change: [
			"新しいメールアドレスの確認",
			(address) => `次のリンクを開くと、メールアドレスが ${address} に変更されます。`,
		],
		reset: [
			"新しいパスワードの設定",
			"次のリンクを開いて、新しいパスワードを設定してください。",
			"新しいパスワードを設定するためのコード:",
		],
		exists: [
			"すでにアカウントがあります",
			"このメールアドレスで登録が試みられましたが、すでにアカウントがあります。ログインするか、パスワードを再設定してください。",
		],
		note: "有効期限は1時間です。お心当たりがない場合は、何もする必要はありません。",
	},
	zh: {
		verify: ["请确认您的邮箱地址", "请打开以下链接确认您的邮箱地址："],
		change: ["请确认新的邮箱地址", (address) => `打开以下链接后，您的邮箱地址将更改为 ${address}：`],
		reset: ["设置新密码", "请打开以下链接设置新密码：", "设置新密码的验证码："],
		exists: ["您已拥有账号", "有人使用此邮箱地址注册，但该地址已有账号。请直接登录，或重置密码。"],
		note: "有效期为一小时。如果不是您本人的操作，请忽略此邮件。",
	},
};

/** The text of a message. What comes from people is escaped in its html. */
export function write(mail: Mail, language: Language, service: string): EmailText {
	const [subject, lead, secret] = parts(mail, WORDS[language]);
	const note = mail.kind === "exists" ? "" : WORDS[language].note;
	const link = "link" in mail && mail.link !== undefined;
	const shown = link ? html`<a href="${secret}">${secret}</a>` : html`<strong>${secret}</strong>`;
	const page = html`<!doctype html><html lang="${language}"><meta charset="utf-8"><p>${lead}</p>${secret === "" ? "" : html`<p>${shown}</p>`}<p>${note}</p><p>${service}</p></html>`;
	return {
		subject: `${service}: ${subject}`,
		text: [lead, secret, note, service].filter((part) => part !== "").join("\n\n"),
		html: String(page),
	};
}

function parts(mail: Mail, words: Words): [subject: string, lead: string, secret: string] {
	switch (mail.kind) {
		case "verify":
			return [...words.verify, mail.link];
		case "change":
			return [words.change[0], words.change[1](mail.newAddress), mail.link];
		case "reset":
			return [words.reset[0], words.reset[mail.link === undefined ? 2 : 1], mail.link ?? mail.code];
		case "exists":
			return [...words.exists, ""];
	}
}
