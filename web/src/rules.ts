/** What the API takes, for forms to check before they send. */
export const USERNAME = /^[A-Za-z0-9_.]{3,30}$/;
export const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** Characters of a password at least. */
export const PASSWORD_MIN = 8;
