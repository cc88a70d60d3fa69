import type { LatchkeyError } from '../errors.ts'

/** What a person is told, and what they can do about it. */
export interface FailureText {
  readonly title: string
  readonly text: string
  /** `sign_in`: begin again. `reload`: ask for the same address again. `none`: there is nothing to do. */
  readonly next: 'sign_in' | 'reload' | 'none'
}

const again = 'Please sign in again.'

const textOfCode: Readonly<Record<string, FailureText>> = {
  login_required: {
    title: 'Please sign in',
    text: 'You need to be signed in to see this page.',
    next: 'sign_in',
  },
  insufficient_scope: {
    title: 'More permission is needed',
    text: 'This page needs a permission that has not been granted. Go on and allow it.',
    next: 'sign_in',
  },
  state_mismatch: {
    title: 'This sign-in is no longer open',
    text: `It was begun in another browser, is too old, or has been completed already. ${again}`,
    next: 'sign_in',
  },
  invalid_callback: {
    title: 'The sign-in did not work',
    text: `The answer could not be used. ${again}`,
    next: 'sign_in',
  },
  access_denied: {
    title: 'Access was not granted',
    text: 'Nothing was changed. You can try again.',
    next: 'sign_in',
  },
  cross_site_request: {
    title: 'This request was refused',
    text: 'It does not come from a page of this site. Go back and try again from there.',
    next: 'none',
  },
  account_mismatch: {
    title: 'This is another account',
    text: 'The page was about another account than the one you chose there. Nothing was changed.',
    next: 'none',
  },
  account_in_use: {
    title: 'This account is in use',
    text: 'Another user of this site has it already. Nothing was changed.',
    next: 'none',
  },
  as_unavailable: {
    title: 'The service behind this page does not answer',
    text: 'Nothing was lost. Please try again in a moment.',
    next: 'reload',
  },
  as_misconfigured: {
    title: 'Sign-in is not set up correctly',
    text: 'You can do nothing about this. Please tell the people who run this site.',
    next: 'none',
  },
  store_unavailable: {
    title: 'Please try again in a moment',
    text: 'We cannot look up who is signed in right now. You are still signed in; nothing was lost.',
    next: 'reload',
  },
}

/** The text for an error that a visitor can be shown; `undefined` for one that is about the program. */
export function failureText(error: LatchkeyError): FailureText | undefined {
  return Object.hasOwn(textOfCode, error.code) ? textOfCode[error.code] : undefined
}
