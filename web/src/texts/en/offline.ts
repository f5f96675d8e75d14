/** The app as it is installed, and what it says without a network. */
export const offline = {
	newVersion: "A new version is ready",
	reload: "Reload",
	unsentTitle: "Some posts have not been sent",
	unsentBody: "If you sign out now, they are deleted.",
	signOutAnyway: "Sign out anyway",
} as const;
