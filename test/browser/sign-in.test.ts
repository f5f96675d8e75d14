import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { devices } from "./devices.ts";
import { join, mailTo, PASSWORD } from "./server.ts";
import { shown, signIn } from "./story.ts";

const device = devices();

it("a forgotten password is replaced by the link of a message", async () => {
	const [ann] = await join("Ann Archer");
	const { page } = await device.open();
	await page.goto("/sign-in");
	await page.getByRole("link", { name: "Forgot your password?" }).click();
	await page.getByRole("textbox", { name: "Email" }).fill("not an address");
	await page.getByRole("button", { name: "Send the link" }).click();
	await shown(page.getByText("This is no email address."));
	await page.getByRole("textbox", { name: "Email" }).fill(ann.email);
	await page.getByRole("button", { name: "Send the link" }).click();
	await shown(page.getByText("a message is on its way"));
	const link = await mailTo(ann.email, "reset");
	expect(new URL(link).pathname).toBe("/reset-password");
	await page.goto(link);
	const field = page.getByLabel("New password", { exact: true });
	await field.fill("a new one 123");
	// Whoever has typed it blindly can look at it.
	await page.getByRole("button", { name: "Show" }).click();
	await expect.poll(() => field.getAttribute("type")).toBe("text");
	await page.getByRole("button", { name: "Set the password" }).click();
	await shown(page.getByText("It is your password now"));
	// The link does nothing a second time, and is not in the address of the page any more.
	expect(new URL(page.url()).search).toBe("");
	await page.goto(link);
	await page.getByLabel("New password", { exact: true }).fill("yet another 123");
	await page.getByRole("button", { name: "Set the password" }).click();
	await shown(page.getByText("too old, or was used before"));
	await signIn(page, ann.username, "a new one 123");
});

it("a passkey signs in without a password, until it is deleted", async () => {
	const [ann] = await join("Ann Archer");
	const { page, context } = await device.open();
	// What a phone has built in: it knows its owner, and keeps keys for her.
	const devtools = await context.newCDPSession(page);
	await devtools.send("WebAuthn.enable");
	await devtools.send("WebAuthn.addVirtualAuthenticator", {
		options: {
			protocol: "ctap2",
			transport: "internal",
			hasResidentKey: true,
			hasUserVerification: true,
			isUserVerified: true,
		},
	});
	await signIn(page, ann.username, PASSWORD);
	await page.goto("/settings/sessions");
	await page.getByRole("button", { name: "Add a passkey" }).click();
	await shown(page.getByText("You can sign in with it from now on"));
	const signOut = async () => {
		await page.goto("/settings");
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.getByRole("button", { name: "Sign in with a passkey" }).click();
	};
	await signOut();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	await page.goto("/settings/sessions");
	await page.getByRole("button", { name: "Delete the passkey Passkey" }).click();
	await shown(page.getByText("The passkey is deleted"));
	await signOut();
	await shown(page.getByRole("alert").filter({ hasText: /passkey/i }));
	await shown(page.getByRole("heading", { name: "Welcome back" }));
});

it("another service signs in, and leads back to where one wanted to go", async () => {
	const name = `vera${Date.now()}`;
	const { page } = await device.open();
	await page.goto("/friends");
	await page.getByRole("button", { name: "Continue with The Village" }).click();
	await page.locator("[name=login]").fill(name);
	await page.locator("[name=password]").fill("any");
	await page.locator("[type=submit]").click();
	await page.getByRole("button", { name: "Continue" }).click();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	await expect.poll(() => new URL(page.url()).pathname).toBe("/friends");
	expect(new URL(page.url()).search).toBe("");
	// A code that came from anywhere else is worth nothing.
	const other = await device.open();
	await other.page.goto("/sign-in?code=nobody-went-for-this");
	await shown(other.page.getByText("That did not work."));
	await other.page.getByRole("button", { name: "Start over" }).click();
	await shown(other.page.getByRole("textbox", { name: "Username or email" }));
});

it("a guest keeps the account with another service, and is the same when she comes back by it", async () => {
	const name = `gina${Date.now()}`;
	const { page } = await device.open();
	await page.goto("/sign-in");
	await page.getByRole("button", { name: "Look around as a guest" }).click();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	await page.goto("/settings/sessions");
	await page.getByRole("button", { name: "Connect The Village" }).click();
	await page.locator("[name=login]").fill(name);
	await page.locator("[name=password]").fill("any");
	await page.locator("[type=submit]").click();
	await page.getByRole("button", { name: "Continue" }).click();
	await shown(page.getByText("Connected", { exact: true }));
	await page.goto("/settings/profile");
	const username = await page.getByLabel("Username").inputValue();
	await page.goto("/settings");
	// Nobody is warned any more that she could not come back.
	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByRole("button", { name: "Continue with The Village" }).click();
	// The provider knows her still.
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	await page.goto("/settings/profile");
	await expect.poll(() => page.getByLabel("Username").inputValue()).toBe(username);
});

it("an address is confirmed and changed by the links of messages, and a service is disconnected", async () => {
	const { page } = await device.open();
	const email = await signUp(page, "Olga");
	await page.goto("/settings/sessions");
	await shown(page.getByText("Not confirmed yet"));
	await page.getByRole("button", { name: "Send the message again" }).click();
	await shown(page.getByText(`on its way to ${email}`));
	await page.goto(await mailTo(email, "verify"));
	await shown(page.getByText("Your address is confirmed."));
	await shown(page.getByRole("link", { name: "Home", exact: true }));

	const newEmail = `new.${email}`;
	await page.goto("/settings/sessions");
	await shown(page.getByText("Confirmed", { exact: true }));
	const change = async (password: string) => {
		await page.getByLabel("New address").fill(newEmail);
		await page.getByLabel("Your password", { exact: true }).first().fill(password);
		await page.getByRole("button", { name: "Change the address" }).click();
	};
	await change("not her password");
	await shown(page.getByText("This is not your password."));
	await change(PASSWORD);
	await shown(page.getByText("on its way to your old address"));
	await page.goto(await mailTo(email, "change"));
	await shown(page.getByText("Now open the message at your new address."));
	await page.goto(await mailTo(newEmail, "verify"));
	await shown(page.getByText("Your address is confirmed."));
	await page.goto("/settings/sessions");
	await shown(page.getByText(newEmail));

	await page.getByRole("button", { name: "Connect The Village" }).click();
	await page.locator("[name=login]").fill(`olga${Date.now()}`);
	await page.locator("[name=password]").fill("any");
	await page.locator("[type=submit]").click();
	await page.getByRole("button", { name: "Continue" }).click();
	await page.getByRole("button", { name: "Disconnect The Village" }).click();
	await shown(page.getByText("It does not sign you in any more"));
	await shown(page.getByRole("button", { name: "Connect The Village" }));
});

it("the link that confirms an address leads a browser to the app", async () => {
	const { page } = await device.open();
	const email = await signUp(page, "Ida");
	const stranger = await device.open();
	await stranger.page.goto(await mailTo(email, "verify"));
	await shown(stranger.page.getByText("Your address is confirmed."));
	await stranger.page.goto("/auth/verify-email?token=made-up");
	await shown(stranger.page.getByText("too old, or was used before"));
});

/** @returns the address of the new account, which is not confirmed */
async function signUp(page: Page, name: string): Promise<string> {
	const username = `${name.toLowerCase()}${Date.now()}`;
	const email = `${username}@example.com`;
	await page.goto("/sign-up");
	await page.getByLabel("Name", { exact: true }).fill(name);
	await page.getByLabel("Username").fill(username);
	await page.getByLabel("Email").fill(email);
	await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
	await page.getByRole("button", { name: "Create account" }).click();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	return email;
}
