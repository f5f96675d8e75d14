import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from "preact-iso";
import { noteNavigation } from "./focus.ts";
import { Broken } from "./layout/broken.tsx";
import { Layout } from "./layout/layout.tsx";
import { onLanguageChange } from "./preferences.ts";
import { FeedScreen } from "./screens/feed.tsx";
import { linkOutcome } from "./screens/link-outcome.ts";
import { NotFoundScreen } from "./screens/not-found.tsx";
import { SignInScreen } from "./screens/sign-in.tsx";
import { useSession } from "./session.ts";
import { Questions } from "./ui/dialog.tsx";
import { Toasts, toast } from "./ui/toast.tsx";

// What is not seen first is fetched when it is needed.
const SignUpScreen = lazy(() => import("./screens/sign-up.tsx").then((screen) => screen.SignUpScreen));
const ResetPasswordScreen = lazy(() =>
	import("./screens/reset-password.tsx").then((screen) => screen.ResetPasswordScreen),
);
const ComposeScreen = lazy(() => import("./screens/compose.tsx").then((screen) => screen.ComposeScreen));
const ThreadScreen = lazy(() => import("./screens/thread.tsx").then((screen) => screen.ThreadScreen));
const ProfileScreen = lazy(() => import("./screens/profile.tsx").then((screen) => screen.ProfileScreen));
const FriendsScreen = lazy(() => import("./screens/friends.tsx").then((screen) => screen.FriendsScreen));
const SearchScreen = lazy(() => import("./screens/search.tsx").then((screen) => screen.SearchScreen));
const SettingsScreen = lazy(() => import("./screens/settings.tsx").then((screen) => screen.SettingsScreen));

export function draw(): void {
	const root = document.querySelector("#app");
	if (root) render(<App />, root);
}

function App() {
	const [drawn, setDrawn] = useState(0);
	// Another language: everything is drawn anew with its texts.
	useEffect(() => onLanguageChange(() => setDrawn((count) => count + 1)), []);
	return (
		<LocationProvider scope={/^\/(?!docs(?:\/|$)|openapi\.json|media\/|v1\/|auth\/)/} key={drawn}>
			<Broken>
				<Screens />
			</Broken>
			<Questions />
			<Toasts />
		</LocationProvider>
	);
}

/** The screens for who is not signed in; all others but this are for who is. */
const DOORS = new Set(["/sign-in", "/sign-up"]);
/** A message's link leads there, also on a device where somebody is signed in. */
const FOR_ANYBODY = "/reset-password";

function Screens() {
	const session = useSession();
	const { path, query, url, route } = useLocation();
	const atDoor = DOORS.has(path);
	const elsewhere =
		path === FOR_ANYBODY || atDoor === (session === null) ? undefined : session ? next(url) : signInAt(url);
	useEffect(() => {
		if (elsewhere === undefined) return;
		// The link of a message leads to the door, where who is signed in never is.
		const outcome = session ? linkOutcome(query) : undefined;
		if (outcome) toast(outcome.text, outcome.problem ? { kind: "problem" } : {});
		noteNavigation();
		route(elsewhere, true);
	}, [elsewhere]);
	if (elsewhere !== undefined) return null;
	const routes = (
		<ErrorBoundary>
			<Router onRouteChange={noteNavigation}>
				<Route path="/" component={FeedScreen} />
				<Route path="/sign-in" component={SignInScreen} />
				<Route path="/sign-up" component={SignUpScreen} />
				<Route path={FOR_ANYBODY} component={ResetPasswordScreen} />
				<Route path="/compose" component={ComposeScreen} />
				<Route path="/posts/:id" component={ThreadScreen} />
				<Route path="/friends" component={FriendsScreen} />
				<Route path="/search" component={SearchScreen} />
				<Route path="/settings" component={SettingsScreen} />
				<Route path="/settings/:section" component={SettingsScreen} />
				<Route path="/:handle" component={HandleScreen} />
				<Route path="/:handle/:list" component={HandleScreen} />
				<Route default component={NotFoundScreen} />
			</Router>
		</ErrorBoundary>
	);
	return session && path !== FOR_ANYBODY ? (
		<Layout key={session.accountId}>{routes}</Layout>
	) : (
		<main class="door">{routes}</main>
	);
}

/** `/@name`: a route has only whole segments, so the @ is looked for here. */
function HandleScreen({ handle, list }: { handle?: string; list?: string }) {
	if (!handle?.startsWith("@")) return <NotFoundScreen />;
	const username = handle.slice(1);
	return <ProfileScreen key={username} username={username} list={list} />;
}

/** Whoever signs out does so in the settings, and does not want to begin there the next time. */
function signInAt(url: string): string {
	return url === "/" || url.startsWith("/settings") ? "/sign-in" : `/sign-in?next=${encodeURIComponent(url)}`;
}

/** Where one wanted to go before signing in: a path of ours and nothing else. */
function next(url: string): string {
	const wanted = new URL(url, location.origin).searchParams.get("next") ?? "/";
	const address = URL.parse(wanted, location.origin);
	return wanted.startsWith("/") && address?.origin === location.origin ? address.pathname + address.search : "/";
}
