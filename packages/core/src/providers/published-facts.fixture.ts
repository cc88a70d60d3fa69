import type { Provider } from '../protocol/provider.ts'

/** What a server's preset must say, written apart from it. */
export interface PublishedFacts
  extends Partial<
    Pick<
      Provider,
      | 'issuer'
      | 'idTokenIssuers'
      | 'authorizationEndpoint'
      | 'tokenEndpoint'
      | 'revocationEndpoint'
      | 'deviceAuthorizationEndpoint'
      | 'jwksUri'
      | 'params'
      | 'tokenBodyFormat'
      | 'tokenHeaders'
      | 'tokenAnswer'
      | 'deadRefresh'
      | 'refreshTokenLifetime'
      | 'credentials'
      | 'resourceHeaders'
      | 'resourceOrigins'
    >
  > {
  readonly clientAuth: Provider['clientAuth']['method']
  /** As the parameter is sent. */
  readonly scope?: string
  /** Method and address; absent: as discovery says. */
  readonly userinfo?: string
  readonly userId?: string
  readonly email?: string | readonly string[]
}

/** By preset, made with the options that its test gives it. */
export const publishedFacts: Readonly<Record<string, PublishedFacts>> = {
  apple: {
    issuer: 'https://appleid.apple.com',
    authorizationEndpoint: 'https://appleid.apple.com/auth/authorize',
    tokenEndpoint: 'https://appleid.apple.com/auth/token',
    revocationEndpoint: 'https://appleid.apple.com/auth/revoke',
    jwksUri: 'https://appleid.apple.com/auth/keys',
    clientAuth: 'client_secret_post',
    scope: 'name email',
    userinfo: 'ID token',
    userId: 'sub',
    email: 'email',
  },
  auth0: {
    issuer: 'https://tenant.eu.auth0.com/',
    authorizationEndpoint: 'https://tenant.eu.auth0.com/authorize',
    tokenEndpoint: 'https://tenant.eu.auth0.com/oauth/token',
    revocationEndpoint: 'https://tenant.eu.auth0.com/oauth/revoke',
    deviceAuthorizationEndpoint: 'https://tenant.eu.auth0.com/oauth/device/code',
    jwksUri: 'https://tenant.eu.auth0.com/.well-known/jwks.json',
    clientAuth: 'client_secret_post',
    scope: 'openid profile email offline_access',
    params: {
      audience: 'https://api.example/v1',
    },
    resourceOrigins: ['https://api.example'],
  },
  battlenet: {
    authorizationEndpoint: 'https://oauth.battle.net/authorize',
    tokenEndpoint: 'https://oauth.battle.net/token',
    clientAuth: 'client_secret_basic',
    userinfo: 'GET https://oauth.battle.net/userinfo',
    userId: 'sub',
    resourceOrigins: [
      'https://eu.api.blizzard.com',
      'https://us.api.blizzard.com',
      'https://kr.api.blizzard.com',
    ],
  },
  bitfount: {
    issuer: 'https://auth.bitfount.com/',
    authorizationEndpoint: 'https://auth.bitfount.com/authorize',
    tokenEndpoint: 'https://auth.bitfount.com/oauth/token',
    revocationEndpoint: 'https://auth.bitfount.com/oauth/revoke',
    deviceAuthorizationEndpoint: 'https://auth.bitfount.com/oauth/device/code',
    jwksUri: 'https://auth.bitfount.com/.well-known/jwks.json',
    clientAuth: 'none',
    scope: 'profile openid offline_access',
    params: {
      audience: 'https://hub.bitfount.com/api',
    },
    userinfo: 'GET https://auth.bitfount.com/userinfo',
    userId: 'sub',
    email: 'email',
    resourceOrigins: ['https://hub.bitfount.com', 'https://am.hub.bitfount.com'],
  },
  discord: {
    authorizationEndpoint: 'https://discord.com/oauth2/authorize',
    tokenEndpoint: 'https://discord.com/api/oauth2/token',
    revocationEndpoint: 'https://discord.com/api/oauth2/token/revoke',
    clientAuth: 'client_secret_basic',
    scope: 'identify',
    userinfo: 'GET https://discord.com/api/users/@me',
    userId: 'id',
    email: 'email',
    resourceOrigins: ['https://discord.com'],
  },
  dropbox: {
    authorizationEndpoint: 'https://www.dropbox.com/oauth2/authorize',
    tokenEndpoint: 'https://api.dropboxapi.com/oauth2/token',
    clientAuth: 'client_secret_post',
    params: {
      token_access_type: 'offline',
    },
    userinfo: 'POST https://api.dropboxapi.com/2/users/get_current_account',
    userId: 'account_id',
    email: 'email',
    resourceOrigins: ['https://api.dropboxapi.com', 'https://content.dropboxapi.com'],
  },
  exbo: {
    authorizationEndpoint: 'https://exbo.net/oauth/authorize',
    tokenEndpoint: 'https://exbo.net/oauth/token',
    clientAuth: 'client_secret_post',
    tokenAnswer: {
      refreshTokenExpiresIn: 'refresh_expires_in',
    },
    userinfo: 'GET https://exbo.net/oauth/user',
    userId: 'id',
    resourceOrigins: ['https://eapi.stalcraft.net', 'https://exbo.net'],
  },
  facebook: {
    authorizationEndpoint: 'https://www.facebook.com/v24.0/dialog/oauth',
    tokenEndpoint: 'https://graph.facebook.com/v24.0/oauth/access_token',
    clientAuth: 'client_secret_post',
    scope: 'public_profile,email',
    userinfo: 'GET https://graph.facebook.com/me?fields=id,name,email',
    userId: 'id',
    email: 'email',
    resourceOrigins: ['https://graph.facebook.com'],
  },
  github: {
    authorizationEndpoint: 'https://github.com/login/oauth/authorize',
    tokenEndpoint: 'https://github.com/login/oauth/access_token',
    deviceAuthorizationEndpoint: 'https://github.com/login/device/code',
    clientAuth: 'client_secret_post',
    deadRefresh: [
      {
        error: 'bad_refresh_token',
      },
      {
        error: 'invalid_grant',
      },
    ],
    resourceHeaders: {
      'user-agent': 'latchkey',
      accept: 'application/vnd.github+json',
    },
    userinfo: 'GET https://api.github.com/user',
    userId: 'id',
    email: 'email',
    resourceOrigins: ['https://api.github.com'],
  },
  'github-app': {
    authorizationEndpoint: 'https://github.com/login/oauth/authorize',
    tokenEndpoint: 'https://github.com/login/oauth/access_token',
    deviceAuthorizationEndpoint: 'https://github.com/login/device/code',
    clientAuth: 'client_secret_post',
    deadRefresh: [
      {
        error: 'bad_refresh_token',
      },
      {
        error: 'invalid_grant',
      },
    ],
    resourceHeaders: {
      'user-agent': 'latchkey',
      accept: 'application/vnd.github+json',
    },
    userinfo: 'GET https://api.github.com/user',
    userId: 'id',
    email: 'email',
    resourceOrigins: ['https://api.github.com'],
  },
  gitlab: {
    authorizationEndpoint: 'https://gitlab.com/oauth/authorize',
    tokenEndpoint: 'https://gitlab.com/oauth/token',
    revocationEndpoint: 'https://gitlab.com/oauth/revoke',
    deviceAuthorizationEndpoint: 'https://gitlab.com/oauth/authorize_device',
    clientAuth: 'client_secret_post',
    scope: 'read_user',
    userinfo: 'GET https://gitlab.com/api/v4/user',
    userId: 'id',
    email: 'email',
    resourceOrigins: ['https://gitlab.com'],
  },
  google: {
    issuer: 'https://accounts.google.com',
    idTokenIssuers: ['accounts.google.com'],
    authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenEndpoint: 'https://oauth2.googleapis.com/token',
    revocationEndpoint: 'https://oauth2.googleapis.com/revoke',
    clientAuth: 'client_secret_basic',
    scope: 'openid profile email',
    params: {
      access_type: 'offline',
      prompt: 'consent',
    },
    resourceOrigins: ['https://www.googleapis.com', 'https://openidconnect.googleapis.com'],
  },
  keycloak: {
    issuer: 'https://login.example/realms/staff',
    clientAuth: 'client_secret_basic',
    scope: 'openid profile email',
    tokenAnswer: {
      refreshTokenExpiresIn: 'refresh_expires_in',
    },
  },
  linkedin: {
    authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
    tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
    clientAuth: 'client_secret_post',
    scope: 'openid profile email',
    refreshTokenLifetime: {
      days: 365,
    },
    userinfo: 'GET https://api.linkedin.com/v2/userinfo',
    userId: 'sub',
    email: 'email',
    resourceOrigins: ['https://api.linkedin.com'],
  },
  microsoft: {
    issuer: 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
    clientAuth: 'client_secret_basic',
    scope: 'openid profile email offline_access User.Read',
    userinfo: 'ID token',
    userId: 'sub',
    email: ['email', 'preferred_username'],
    resourceOrigins: ['https://graph.microsoft.com'],
  },
  notion: {
    authorizationEndpoint: 'https://api.notion.com/v1/oauth/authorize',
    tokenEndpoint: 'https://api.notion.com/v1/oauth/token',
    revocationEndpoint: 'https://api.notion.com/v1/oauth/revoke',
    clientAuth: 'client_secret_basic',
    params: {
      owner: 'user',
    },
    tokenBodyFormat: 'json',
    tokenHeaders: {
      'notion-version': '2022-06-28',
    },
    resourceHeaders: {
      'notion-version': '2022-06-28',
    },
    userinfo: 'GET https://api.notion.com/v1/users/me',
    userId: 'bot.owner.user.id',
    email: 'bot.owner.user.person.email',
    resourceOrigins: ['https://api.notion.com'],
  },
  okta: {
    issuer: 'https://example.okta.com/oauth2/default',
    authorizationEndpoint: 'https://example.okta.com/oauth2/default/v1/authorize',
    tokenEndpoint: 'https://example.okta.com/oauth2/default/v1/token',
    revocationEndpoint: 'https://example.okta.com/oauth2/default/v1/revoke',
    jwksUri: 'https://example.okta.com/oauth2/default/v1/keys',
    clientAuth: 'client_secret_basic',
    scope: 'openid profile email offline_access',
    userinfo: 'GET https://example.okta.com/oauth2/default/v1/userinfo',
    userId: 'sub',
    email: 'email',
    resourceOrigins: ['https://example.okta.com'],
  },
  reddit: {
    authorizationEndpoint: 'https://www.reddit.com/api/v1/authorize',
    tokenEndpoint: 'https://www.reddit.com/api/v1/access_token',
    revocationEndpoint: 'https://www.reddit.com/api/v1/revoke_token',
    clientAuth: 'client_secret_basic',
    scope: 'identity',
    params: {
      duration: 'permanent',
    },
    tokenHeaders: {
      'user-agent': 'latchkey',
    },
    resourceHeaders: {
      'user-agent': 'latchkey',
    },
    userinfo: 'GET https://oauth.reddit.com/api/v1/me',
    userId: 'id',
    resourceOrigins: ['https://oauth.reddit.com'],
  },
  slack: {
    issuer: 'https://slack.com',
    authorizationEndpoint: 'https://slack.com/openid/connect/authorize',
    tokenEndpoint: 'https://slack.com/api/openid.connect.token',
    clientAuth: 'client_secret_post',
    scope: 'openid profile email',
    userinfo: 'GET https://slack.com/api/openid.connect.userInfo',
    userId: 'sub',
    email: 'email',
    resourceOrigins: ['https://slack.com'],
  },
  spotify: {
    authorizationEndpoint: 'https://accounts.spotify.com/authorize',
    tokenEndpoint: 'https://accounts.spotify.com/api/token',
    clientAuth: 'client_secret_basic',
    refreshTokenLifetime: {
      months: 6,
    },
    userinfo: 'GET https://api.spotify.com/v1/me',
    userId: 'account_id',
    email: 'email',
    resourceOrigins: ['https://api.spotify.com'],
  },
  strava: {
    authorizationEndpoint: 'https://www.strava.com/oauth/authorize',
    tokenEndpoint: 'https://www.strava.com/api/v3/oauth/token',
    clientAuth: 'client_secret_post',
    scope: 'read',
    tokenAnswer: {
      expiresAt: 'expires_at',
    },
    userinfo: 'GET https://www.strava.com/api/v3/athlete',
    userId: 'id',
    resourceOrigins: ['https://www.strava.com'],
  },
  trackmania: {
    authorizationEndpoint: 'https://api.trackmania.com/oauth/authorize',
    tokenEndpoint: 'https://api.trackmania.com/api/access_token',
    clientAuth: 'client_secret_post',
    userinfo: 'GET https://api.trackmania.com/api/user',
    userId: 'accountId',
    resourceOrigins: ['https://api.trackmania.com'],
  },
  twitch: {
    authorizationEndpoint: 'https://id.twitch.tv/oauth2/authorize',
    tokenEndpoint: 'https://id.twitch.tv/oauth2/token',
    revocationEndpoint: 'https://id.twitch.tv/oauth2/revoke',
    clientAuth: 'client_secret_post',
    tokenAnswer: {
      error: 'message',
    },
    deadRefresh: [
      {
        error: 'Invalid refresh token',
      },
    ],
    credentials: {
      headers: {
        authorization: 'Bearer {access_token}',
        'client-id': '{client_id}',
      },
    },
    userinfo: 'GET https://api.twitch.tv/helix/users',
    userId: 'data.0.id',
    email: 'data.0.email',
    resourceOrigins: ['https://api.twitch.tv'],
  },
}
