"""Services whose credentials have no mark of their own: only the name that they are assigned to tells whose they are.

One lower-case word each; `_` stands for nothing, `_`, `-` or a space (`message_bird`: `MESSAGEBIRD_KEY`, `message-bird-key`).
"""

from typing import Final

VENDORS: Final[tuple[str, ...]] = tuple(
    """
    ably abuseipdb acoustid adafruit adobe adyen affinity aiven airbrake airtable akamai alchemy algolia alibaba aliyun
    amplitude anthropic apify apigee apollo appcenter appdynamics appsflyer artifactory asana assembly_ai atlassian auth0
    authress authy axiom azure backblaze baidu bamboo_hr basecamp baseten beamer better_stack binance bintray bitbucket bitfinex bittrex
    bitly bitmex bitrise bitwarden box_com braintree branch_io braze brevo browserless browserstack bugsnag buildkite bunny_cdn
    bybit calendly canva cerebras chargebee chroma circle_ci cisco clarifai clearbit clerk clickhouse clickup close_io
    cloudant cloudconvert cloudflare cloudinary cloudsmith cockroach codacy codeclimate codecov cohere coinapi
    coinbase coinmarketcap cometml confluent consul contentful contentstack convertkit coveralls crates_io crowdin
    crunchbase customer_io cypress dagster dashscope databricks datadog datastax dato_cms deepai deep_gram deep_infra deepl
    deep_seek deno_deploy digital_ocean discord disqus docker_hub docusign doppler drone_ci dropbox drift
    duffel duo dwolla dynatrace easypost elastic elevenlabs epic_games etherscan etsy eventbrite exoscale fabric facebook
    fastly fathom fauna feedly figma finage finicity finnhub firebase fireworks fixer_io fl0 flickr flightstats flutterwave
    fly_io foursquare frame_io freshbooks freshdesk freshsales front_app fullstory fusionauth gemini genius geoapify
    geocod_io ghost_admin giphy gitea github gitlab gitter gnews gocardless godaddy google gravatar grafana groq guardian gumroad
    harness harvest hashicorp helpscout here_api heroku hetzner hipchat holiday_api honeybadger honeycomb hotjar hubspot
    hugging_face hunter_io hyperbolic ibm_cloud impala imgur infobip infracost infura influxdb instagram instana intercom
    intra42 ionic ipdata ipinfo ipstack iterable jenkins jfrog jira jotform jumpcloud jwt kaggle kakao keen_io keycloak
    klarna klaviyo kraken kubernetes kucoin kustomer langfuse langsmith lastfm lastpass launch_darkly lemon_squeezy line_bot
    line_messaging linear linked_in linode lithic litellm livekit lob logdna loggly logz_io lokalise looker
    magic_link mail_chimp mailersend mailgun mailjet mailtrap mandrill mapbox mapquest marketo mattermost maxmind meilisearch
    mercadopago meraki mercury message_bird meta_ads microsoft minimax minio mistral mixpanel mollie monday_com mongodb moonshot mux
    nasa neon netlify netsuite new_relic news_api nexmo new_york_times ngrok notion novita npm nuget nvidia nylas nytimes
    octopus okta omise oneloop one_login one_signal openai openweather optimizely oracle outlook paddle pagerduty pandadoc
    papertrail pastebin paypal paystack percy perplexity pinata pinecone pingdom pipedream pipedrive pivotal plaid
    planetscale plivo polygon_io portkey postgres posthog postman postmark prefect prismic private_ai prodigy
    pubnub pulumi pusher pypi quandl quay qdrant quickbooks railway rapid_api raygun razorpay read_me recaptcha recurly
    redis render replicate resend revenuecat ring_central riot_games roblox rollbar route4me rubygems runpod salesforce
    samba_nova sanity sauce_labs scaleway scalingo scrapfly scraperapi secret_manager segment semaphore_ci
    sendbird send_grid send_in_blue sentry serpapi serper settlemint shippo shodan shopify shortcut sidekiq
    silicon_flow sinch slack smartsheet snowflake snyk solarwinds sonar sourcegraph spark_post splunk spotify
    square squarespace stability stack_exchange stackhawk statsig statuspage storyblok strapi strava stream_io stripe
    stytch sumo supabase surge surveymonkey svix tailscale tavily teamcity telegram telnyx tencent terraform
    ticketmaster tiingo todoist together_ai tomtom travis trello trigger_dev tumblr turso twilio twitch twitter
    typeform typesense ubidots unsplash untappd upcloud uploadcare upstash uptimerobot vault vercel victorops vimeo
    virus_total vkontakte vonage voyage_ai vultr wandb watson weather_api weaviate weather_bit webex webflow
    wepay whatsapp wistia woocommerce wordnik workos wrike xero yahoo yandex yelp youtube zapier
    zendesk zen_scrape zenrows zerobounce zerotier zhipu zoho zoom
    """.split()  # noqa: SIM905 (a list of 400 words reads better as words)
)
