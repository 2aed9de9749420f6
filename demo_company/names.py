"""Word lists. Enough variety to look alive; no real companies or people are meant."""

FIRST = (
    "Anna Ben Carla David Elena Felix Grace Hugo Ines Jonas Kim Laura Marco Nina Oscar Paula "
    "Quentin Rosa Samuel Tara Uwe Vera Walter Xenia Yusuf Zoe Amir Bianca Chen Daria Emil Fatima "
    "Georg Hana Ivan Julia Kofi Leila Mateo Noor Omar Priya Raj Sofia Tom Uma Victor Wei Yara Zane "
    "Zoë Renée José Jürgen Søren"
).split()
LAST = (
    "Adler Baker Costa Dietz Evans Fischer Garcia Huber Ivanov Jensen Keller Lopez Meyer Novak "
    "Olsen Patel Quinn Rossi Schmidt Tanaka Ueda Vogel Weber Xu Young Zimmer Abbott Bauer Castro "
    "Duarte Ericsson Flores Gupta Hansen Ito Jansen Khan Lindgren Moreau Nguyen Okafor Petrov Reyes "
    "Silva Torres Urban Varga Wagner Yilmaz Zhang Müller Núñez"
).split()
TITLES = (
    "Data Analyst;Head of Growth;Product Manager;VP Marketing;Software Engineer;Founder;"
    "Operations Manager;BI Lead;Chief Technology Officer;Marketing Analyst;RevOps Manager;"
    "Data Engineer;Customer Success Manager;Finance Manager;Student"
).split(";")
COMPANY_HEAD = (
    "Amber Birch Cedar Delta Ember Falcon Granite Harbor Indigo Juniper Kestrel Lumos Maple North "
    "Onyx Pioneer Quartz River Summit Timber Umbra Vertex Willow Xeno Yonder Zephyr Alpine Bright "
    "Copper Drift Echo Fjord Golden Hazel Iron Jade Kindle Lunar Meadow Nimbus Orbit Prism Raven "
    "Sable Terra Unity Violet Wander Axiom Blue"
).split()
COMPANY_TAIL = (
    "Analytics Bank Cloud Dynamics Energy Foods Group Health Insights Jobs Labs Logistics Media "
    "Networks Optics Partners Retail Robotics Software Studio Systems Travel Ventures Works"
).split()
INDUSTRIES = (
    "Software;Financial Services;Healthcare;Retail;Manufacturing;Media;Education;Logistics;"
    "Professional Services;Travel"
).split(";")
FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.de", "proton.me")
TECH = ("snowflake", "bigquery", "segment", "salesforce", "hubspot", "dbt", "tableau", "looker")
HIRING = ("data engineer", "head of growth", "analytics engineer", "product manager")
DOMAIN_ENDINGS = (".com", ".io", ".co", ".de", ".eu", ".co.uk", ".app")
COUNTRIES = {
    "usd": ("US", "US", "US", "CA", "AU", "IN", "BR"),
    "eur": ("DE", "FR", "NL", "ES", "IT"),
    "gbp": ("GB",),
}
UTC_OFFSET_HOURS = {
    "US": -6, "CA": -5, "AU": 10, "IN": 5, "BR": -3,
    "DE": 1, "FR": 1, "NL": 1, "ES": 1, "IT": 1, "GB": 0,
}  # fmt: skip
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile Safari/537.36",
)
BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)
# channel: (weight, referrer, utm_source, utm_medium, campaigns)
CHANNELS = {
    "organic_search": (0.32, "https://www.google.com/", None, None, ()),
    "paid_search": (0.17, "https://www.google.com/", "google", "cpc", ("brand", "bi-tools")),
    "social": (0.10, "https://www.linkedin.com/", "linkedin", "social", ("launch", "stories")),
    "referral": (0.09, "https://www.g2.com/", None, None, ()),
    "direct": (0.18, None, None, None, ()),
    "email": (0.06, None, "newsletter", "email", ("digest", "webinar")),
    "partner": (0.08, "https://partners.lumen.example/", "agency", "partner", ("co-sell",)),
}
CHANNEL_NAMES = tuple(CHANNELS)
SITE = "https://www.lumen.example"
