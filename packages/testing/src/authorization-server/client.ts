/** How a client may prove itself at the token and revocation endpoints. */
export type ClientAuthMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  /** An assertion signed with the secret, by HS256 (OpenID Connect Core §9). */
  | 'client_secret_jwt'
  | 'private_key_jwt'
  | 'none'

/** A client that the authorization server knows. */
export interface RegisteredClient {
  readonly clientId: string
  /** Absent for a public client. From 8 characters on it is registered with the marks. */
  readonly clientSecret?: string
  readonly redirectUris: readonly string[]
  /** Absent: `client_secret_basic` and `client_secret_post` with a secret, `private_key_jwt` with `jwks`, else `none`. */
  readonly authMethods?: readonly ClientAuthMethod[]
  /** Public keys for `private_key_jwt` (RFC 7517). */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
}

/** A person who can sign in. Further fields become claims of userinfo and ID token. */
export interface EmulatedUser {
  /** The subject. */
  readonly id: string
  /** Label of the button on the consent page. */
  readonly name: string
  readonly email?: string
  readonly [claim: string]: unknown
}

/** The methods that a client may use. */
export function authMethodsOf(client: RegisteredClient): readonly ClientAuthMethod[] {
  if (client.authMethods !== undefined) return client.authMethods
  if (client.clientSecret !== undefined) return ['client_secret_basic', 'client_secret_post']
  return client.jwks === undefined ? ['none'] : ['private_key_jwt']
}

/** Ada, Grace and Linus, with ids that never change. */
export const DEFAULT_USERS: readonly EmulatedUser[] = [
  { id: 'user-ada', name: 'Ada', email: 'ada@example.com', email_verified: true },
  { id: 'user-grace', name: 'Grace', email: 'grace@example.com', email_verified: true },
  { id: 'user-linus', name: 'Linus', email: 'linus@example.com', email_verified: true },
]
