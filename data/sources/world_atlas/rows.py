"""World atlas: real names of places and languages with figures drawn around plausible magnitudes.

Areas, populations, shares of languages, lengths of borders, indicators and airports all come from the
random generator, so nothing here can be answered from memory. On purpose there are unknown values, ties
(capped life expectancy, equal numbers of crossings), cities of the same name, names that differ by an
accent only, languages and regions that no country uses, and numbers typed as text (airport elevations).
"""

from __future__ import annotations

import random
from datetime import date, timedelta

Row = tuple[object, ...]

FIRST_YEAR, LAST_YEAR = 2012, 2022
MAX_LIFE_EXPECTANCY = 84.2
MAX_INTERNET_PCT = 98.5

CONTINENTS: dict[str, tuple[str, ...]] = {
    "Africa": ("Northern Africa", "Western Africa", "Middle Africa", "Eastern Africa", "Southern Africa"),
    "Americas": ("North America", "Central America", "Caribbean", "South America"),
    "Asia": ("Central Asia", "Eastern Asia", "South-eastern Asia", "Southern Asia", "Western Asia"),
    "Europe": ("Northern Europe", "Western Europe", "Southern Europe", "Eastern Europe"),
    "Oceania": ("Australia and New Zealand", "Melanesia", "Micronesia", "Polynesia"),
    "Antarctica": (),
}
ANCIENT = {"Northern Africa", "Southern Europe", "Western Europe", "Western Asia", "Southern Asia", "Eastern Asia"}
NEW_WORLD = {"North America", "Central America", "Caribbean", "South America", "Australia and New Zealand"}

# code | name | sub-region | people (millions) | area (1000 km2) | GDP per head (US$) | coast (km)
# These are starting points only: every figure is multiplied by chance before it is stored.
COUNTRIES = """
FRA|France|Western Europe|60|540|36000|4000
DEU|Germany|Western Europe|75|350|42000|2400
BEL|Belgium|Western Europe|11|31|40000|80
NLD|Netherlands|Western Europe|16|40|46000|480
LUX|Luxembourg|Western Europe|0.7|2.6|82000|0
CHE|Switzerland|Western Europe|8|41|70000|0
AUT|Austria|Western Europe|8.5|84|43000|0
ESP|Spain|Southern Europe|44|500|28000|4900
PRT|Portugal|Southern Europe|10|92|21000|1800
ITA|Italy|Southern Europe|57|300|31000|7500
GRC|Greece|Southern Europe|10|130|19000|13000
SVN|Slovenia|Southern Europe|2|20|25000|50
HRV|Croatia|Southern Europe|4|56|16000|5800
MLT|Malta|Southern Europe|0.5|0.35|27000|200
SMR|San Marino|Southern Europe|0.04|0.06|44000|0
GBR|United Kingdom|Northern Europe|63|240|39000|12000
IRL|Ireland|Northern Europe|5|70|52000|1450
NOR|Norway|Northern Europe|5|370|68000|25000
SWE|Sweden|Northern Europe|10|440|50000|3200
FIN|Finland|Northern Europe|5.5|330|45000|1250
ISL|Iceland|Northern Europe|0.4|100|55000|4900
EST|Estonia|Northern Europe|1.3|45|20000|3700
LVA|Latvia|Northern Europe|2|64|16000|500
POL|Poland|Eastern Europe|38|310|15000|440
CZE|Czechia|Eastern Europe|10|78|22000|0
SVK|Slovakia|Eastern Europe|5.4|49|18000|0
HUN|Hungary|Eastern Europe|9.8|93|15000|0
ROU|Romania|Eastern Europe|19|230|12000|220
BGR|Bulgaria|Eastern Europe|7|110|9500|350
MAR|Morocco|Northern Africa|35|440|3400|1800
DZA|Algeria|Northern Africa|41|2300|4200|1000
TUN|Tunisia|Northern Africa|11|160|3900|1150
EGY|Egypt|Northern Africa|95|1000|3300|2450
LBY|Libya|Northern Africa|6.7|1700|7000|1770
SEN|Senegal|Western Africa|15|190|1400|530
GHA|Ghana|Western Africa|29|230|2100|540
NGA|Nigeria|Western Africa|180|900|2300|850
NER|Niger|Western Africa|21|1250|520|0
MLI|Mali|Western Africa|19|1200|840|0
CIV|Côte d'Ivoire|Western Africa|24|320|2100|515
GIN|Guinea|Western Africa|12|240|980|320
GNB|Guinea-Bissau|Western Africa|1.8|36|720|350
TCD|Chad|Middle Africa|15|1250|690|0
CMR|Cameroon|Middle Africa|24|470|1500|400
GAB|Gabon|Middle Africa|2|260|7800|880
GNQ|Equatorial Guinea|Middle Africa|1.3|28|8700|300
COG|Congo|Middle Africa|5.2|340|2400|170
COD|Congo, Democratic Republic of the|Middle Africa|80|2200|520|37
KEN|Kenya|Eastern Africa|49|580|1700|540
TZA|Tanzania|Eastern Africa|55|930|1050|1400
UGA|Uganda|Eastern Africa|41|240|820|0
RWA|Rwanda|Eastern Africa|12|26|790|0
ETH|Ethiopia|Eastern Africa|104|1100|800|0
MOZ|Mozambique|Eastern Africa|28|790|520|2400
MDG|Madagascar|Eastern Africa|25|580|500|4800
ZAF|South Africa|Southern Africa|56|1200|6200|2800
NAM|Namibia|Southern Africa|2.4|820|5100|1550
BWA|Botswana|Southern Africa|2.3|570|7100|0
LSO|Lesotho|Southern Africa|2.1|30|1150|0
USA|United States|North America|310|9200|56000|19500
CAN|Canada|North America|36|9500|45000|180000
MEX|Mexico|Central America|122|1900|9500|9200
GTM|Guatemala|Central America|16|108|4100|400
NIC|Nicaragua|Central America|6.3|128|2000|900
CRI|Costa Rica|Central America|5|51|11500|1280
PAN|Panama|Central America|4|75|14000|2450
CUB|Cuba|Caribbean|11|108|8000|3700
DOM|Dominican Republic|Caribbean|10.5|48|7300|1280
DMA|Dominica|Caribbean|0.07|0.75|7200|148
HTI|Haiti|Caribbean|11|27|1300|1700
COL|Colombia|South America|48|1120|6200|3200
VEN|Venezuela|South America|29|900|5200|2700
ECU|Ecuador|South America|16.5|270|5900|2200
PER|Peru|South America|31|1270|6500|2400
BOL|Bolivia|South America|11|1080|3300|0
BRA|Brazil|South America|205|8400|9000|7400
PRY|Paraguay|South America|6.8|400|5500|0
URY|Uruguay|South America|3.4|175|16500|650
ARG|Argentina|South America|43|2750|11500|4900
CHL|Chile|South America|18|750|14500|6400
KAZ|Kazakhstan|Central Asia|18|2650|9500|0
UZB|Uzbekistan|Central Asia|32|440|1900|0
KGZ|Kyrgyzstan|Central Asia|6.2|198|1200|0
CHN|China|Eastern Asia|1350|9300|9000|14000
JPN|Japan|Eastern Asia|124|375|37000|29000
KOR|Korea, Republic of|Eastern Asia|51|100|30000|2400
MNG|Mongolia|Eastern Asia|3.1|1550|4000|0
VNM|Viet Nam|South-eastern Asia|94|330|2700|3400
THA|Thailand|South-eastern Asia|68|510|6500|3200
LAO|Laos|South-eastern Asia|6.9|235|2400|0
IDN|Indonesia|South-eastern Asia|255|1850|3700|53000
PHL|Philippines|South-eastern Asia|104|300|3100|36000
MYS|Malaysia|South-eastern Asia|31|330|10200|4600
IND|India|Southern Asia|1320|3200|1900|7300
PAK|Pakistan|Southern Asia|205|800|1500|1050
NPL|Nepal|Southern Asia|28|145|950|0
BGD|Bangladesh|Southern Asia|160|140|1700|580
LKA|Sri Lanka|Southern Asia|21|65|3900|1340
TUR|Türkiye|Western Asia|80|770|10500|7200
GEO|Georgia|Western Asia|3.8|70|4400|310
JOR|Jordan|Western Asia|9.7|89|4200|26
LBN|Lebanon|Western Asia|6.1|10.4|7500|225
OMN|Oman|Western Asia|4.5|305|16500|2100
YEM|Yemen|Western Asia|28|520|950|1900
AUS|Australia|Australia and New Zealand|24|7600|52000|25700
NZL|New Zealand|Australia and New Zealand|4.7|265|40000|15000
PNG|Papua New Guinea|Melanesia|8.3|455|2500|5150
FJI|Fiji|Melanesia|0.9|18|5400|1130
WSM|Samoa|Polynesia|0.2|2.8|4100|400
TON|Tonga|Polynesia|0.1|0.7|4600|420
""".strip()

# Cities: * marks a capital, a slash adds the state or province. One line per country.
CITIES = """
FRA:*Paris,Marseille,Lyon,Toulouse,Nantes,Saint-Étienne,Nîmes
DEU:*Berlin,Hamburg,München,Köln,Leipzig,Frankfurt/Hessen,Frankfurt/Brandenburg
BEL:*Brussels,Antwerp,Ghent,Liège
NLD:*Amsterdam,Rotterdam,Utrecht,'s-Hertogenbosch
LUX:*Luxembourg,Esch-sur-Alzette
CHE:*Bern,Zürich,Genève,Basel
AUT:*Wien,Graz,Linz,Salzburg
ESP:*Madrid,Barcelona,Valencia,Sevilla,Córdoba,León,Cartagena,Mérida,Guadalajara
PRT:*Lisboa,Porto,Braga,Coimbra
ITA:*Roma,Milano,Napoli,Torino,Palermo,L'Aquila
GRC:*Athens,Thessaloniki,Patras
SVN:*Ljubljana,Maribor
HRV:*Zagreb,Split,Rijeka
MLT:*Valletta,Birkirkara
SMR:*San Marino
GBR:*London/England,Birmingham/England,Glasgow/Scotland,Cardiff/Wales,Newcastle/England,Perth/Scotland
IRL:*Dublin,Cork,Galway
NOR:*Oslo,Bergen,Trondheim,Tromsø
SWE:*Stockholm,Göteborg,Malmö,Umeå
FIN:*Helsinki,Tampere,Turku
ISL:*Reykjavík,Akureyri
EST:*Tallinn,Tartu
LVA:*Riga,Daugavpils
POL:*Warszawa,Kraków,Łódź,Gdańsk,Wrocław
CZE:*Praha,Brno,Ostrava
SVK:*Bratislava,Košice
HUN:*Budapest,Debrecen,Szeged
ROU:*București,Cluj-Napoca,Iași
BGR:*Sofia,Plovdiv,Varna
MAR:*Rabat,Casablanca,Fès,Marrakech
DZA:*Algiers,Oran,Constantine
TUN:*Tunis,Sfax,Sousse
EGY:*Cairo,Alexandria,Luxor,Aswan,Port Said
LBY:*Tripoli,Benghazi,Misrata
SEN:*Dakar,Thiès,Saint-Louis
GHA:*Accra,Kumasi,Tamale
NGA:*Abuja,Lagos,Kano,Ibadan,Port Harcourt
NER:*Niamey,Zinder,Agadez
MLI:*Bamako,Ségou,Timbuktu
CIV:*Yamoussoukro,Abidjan,Bouaké
GIN:*Conakry,Kankan
GNB:*Bissau,Bafatá
TCD:*N'Djamena,Moundou
CMR:*Yaoundé,Douala,Garoua
GAB:*Libreville,Port-Gentil
GNQ:*Malabo,Bata
COG:*Brazzaville,Pointe-Noire
COD:*Kinshasa,Lubumbashi,Goma,Kisangani
KEN:*Nairobi,Mombasa,Kisumu
TZA:*Dodoma,Dar es Salaam,Mwanza,Arusha
UGA:*Kampala,Gulu
RWA:*Kigali,Huye
ETH:*Addis Ababa,Dire Dawa,Mek'ele
MOZ:*Maputo,Beira,Nampula
MDG:*Antananarivo,Toamasina
ZAF:*Pretoria/Gauteng,*Cape Town/Western Cape,Durban,Newcastle/KwaZulu-Natal,Johannesburg/Gauteng
NAM:*Windhoek,Walvis Bay
BWA:*Gaborone,Francistown
LSO:*Maseru
USA:*Washington/District of Columbia,Chicago/Illinois,Houston/Texas,San Jose/California,Memphis/Tennessee
USA:Portland/Oregon,Birmingham/Alabama,Springfield/Missouri,Springfield/Massachusetts,Springfield/Illinois
USA:Portland/Maine,Coeur d'Alene/Idaho
CAN:*Ottawa/Ontario,Toronto/Ontario,Montréal/Québec,London/Ontario,Hamilton/Ontario,Victoria/British Columbia
CAN:St. John's/Newfoundland and Labrador
MEX:*Ciudad de México,Guadalajara/Jalisco,Monterrey,León/Guanajuato,Mérida/Yucatán,La Paz,Córdoba/Veracruz
GTM:*Ciudad de Guatemala,Quetzaltenango
NIC:*Managua,León,Granada
CRI:*San José,Limón
PAN:*Panamá,Colón,David
CUB:*La Habana,Santiago de Cuba,Trinidad
DOM:*Santo Domingo,Santiago,La Vega
DMA:*Roseau
HTI:*Port-au-Prince,Cap-Haïtien
COL:*Bogotá,Medellín,Cali,Cartagena,Armenia,Pasto
VEN:*Caracas,Maracaibo,Valencia,Barcelona,Mérida
ECU:*Quito,Guayaquil,Cuenca
PER:*Lima,Arequipa,Trujillo,Cusco
BOL:*La Paz,*Sucre,Santa Cruz,Trinidad
BRA:*Brasília/Distrito Federal,São Paulo/São Paulo,Rio de Janeiro/Rio de Janeiro,Salvador/Bahia,Manaus/Amazonas
BRA:Belém/Pará,Santa Cruz/Rio Grande do Norte
PRY:*Asunción,Encarnación
URY:*Montevideo,Salto
ARG:*Buenos Aires,Córdoba,Rosario,Mendoza,Salta,San Juan
CHL:*Santiago,Valparaíso,Concepción,Antofagasta
KAZ:*Astana,Almaty,Shymkent
UZB:*Tashkent,Samarkand,Bukhara
KGZ:*Bishkek,Osh
CHN:*Beijing,Shanghai,Guangzhou,Xi'an,Chengdu,Wuhan,Suzhou/Jiangsu,Suzhou/Anhui,Fuzhou/Fujian,Fuzhou/Jiangxi
JPN:*Tokyo,Osaka,Nagoya,Sapporo,Fukuoka
KOR:*Seoul,Busan,Gwangju/Gwangju,Gwangju/Gyeonggi
MNG:*Ulaanbaatar,Erdenet
VNM:*Hà Nội,Hồ Chí Minh City,Đà Nẵng,Huế
THA:*Bangkok,Chiang Mai,Khon Kaen
LAO:*Vientiane,Luang Prabang
IDN:*Jakarta,Surabaya,Bandung,Medan,Makassar
PHL:*Manila,Cebu City,Davao City,San Jose/Occidental Mindoro
MYS:*Kuala Lumpur,George Town,Johor Bahru
IND:*New Delhi,Mumbai,Hyderabad/Telangana,Kolkata,Chennai,Aurangabad/Maharashtra,Aurangabad/Bihar,Udaipur
PAK:*Islamabad,Karachi,Lahore,Hyderabad/Sindh
NPL:*Kathmandu,Pokhara
BGD:*Dhaka,Chattogram,Khulna,Cox's Bazar
LKA:*Colombo,Kandy,Jaffna
TUR:*Ankara,İstanbul,İzmir,Konya,Şanlıurfa
GEO:*Tbilisi,Batumi,Kutaisi
JOR:*Amman,Irbid,Aqaba
LBN:*Beirut,Tripoli,Sidon
OMN:*Muscat,Salalah
YEM:*Sana'a,Aden,Ta'izz
AUS:*Canberra/Australian Capital Territory,Sydney/New South Wales,Melbourne/Victoria,Perth/Western Australia
AUS:Newcastle/New South Wales,Geelong/Victoria
NZL:*Wellington,Auckland,Hamilton,Christchurch
PNG:*Port Moresby,Lae
FJI:*Suva,Nadi
WSM:*Apia
TON:*Nuku'alofa,Neiafu
""".strip()

# Land borders between the countries of the atlas, each named once.
BORDERS = """
FRA-BEL-LUX-DEU-CHE-ITA-ESP,DEU-BEL-NLD-LUX-CHE-AUT-CZE-POL,BEL-NLD-LUX,CHE-AUT-ITA,AUT-ITA-SVN-HUN-SVK-CZE,
ESP-PRT-MAR,ITA-SVN-SMR,SVN-HRV-HUN,HRV-HUN,GRC-BGR-TUR,GBR-IRL,NOR-SWE-FIN,SWE-FIN,EST-LVA,POL-CZE-SVK,CZE-SVK,
SVK-HUN,HUN-ROU,ROU-BGR,BGR-TUR,MAR-DZA,DZA-TUN-LBY-NER-MLI,TUN-LBY,LBY-EGY-NER-TCD,SEN-MLI-GIN-GNB,GHA-CIV,
NGA-NER-TCD-CMR,NER-MLI-TCD,MLI-GIN-CIV,CIV-GIN,GIN-GNB,TCD-CMR,CMR-GAB-GNQ-COG,GAB-GNQ-COG,COG-COD,
COD-UGA-RWA-TZA,KEN-TZA-UGA-ETH,TZA-UGA-RWA-MOZ,UGA-RWA,MOZ-ZAF,ZAF-NAM-BWA-LSO,NAM-BWA,USA-CAN-MEX,MEX-GTM,
NIC-CRI,CRI-PAN,PAN-COL,DOM-HTI,COL-VEN-ECU-PER-BRA,VEN-BRA,ECU-PER,PER-BOL-BRA-CHL,BOL-BRA-PRY-ARG-CHL,
BRA-PRY-URY-ARG,PRY-ARG,URY-ARG,ARG-CHL,KAZ-UZB-KGZ-CHN,UZB-KGZ,KGZ-CHN,CHN-MNG-VNM-LAO-IND-NPL-PAK,VNM-LAO,
THA-LAO-MYS,IDN-MYS-PNG,IND-PAK-NPL-BGD,TUR-GEO,OMN-YEM
""".replace("\n", "").strip()

# code | name | native name | family | script
LANGUAGES = """
fr|French|français|Romance|Latin
de|German|Deutsch|Germanic|Latin
nl|Dutch|Nederlands|Germanic|Latin
lb|Luxembourgish|Lëtzebuergesch|Germanic|Latin
it|Italian|italiano|Romance|Latin
rm|Romansh|rumantsch|Romance|Latin
es|Spanish|español|Romance|Latin
ca|Catalan|català|Romance|Latin
eu|Basque|euskara|Isolate|Latin
gl|Galician|galego|Romance|Latin
pt|Portuguese|português|Romance|Latin
el|Greek|ελληνικά|Hellenic|Greek
sl|Slovene|slovenščina|Slavic|Latin
hr|Croatian|hrvatski|Slavic|Latin
mt|Maltese|Malti|Semitic|Latin
en|English|English|Germanic|Latin
cy|Welsh|Cymraeg|Celtic|Latin
ga|Irish|Gaeilge|Celtic|Latin
no|Norwegian|norsk|Germanic|Latin
se|Northern Sámi|davvisámegiella|Uralic|Latin
sv|Swedish|svenska|Germanic|Latin
fi|Finnish|suomi|Uralic|Latin
is|Icelandic|íslenska|Germanic|Latin
et|Estonian|eesti|Uralic|Latin
lv|Latvian|latviešu|Baltic|Latin
ru|Russian|русский|Slavic|Cyrillic
pl|Polish|polski|Slavic|Latin
cs|Czech|čeština|Slavic|Latin
sk|Slovak|slovenčina|Slavic|Latin
hu|Hungarian|magyar|Uralic|Latin
ro|Romanian|română|Romance|Latin
bg|Bulgarian|български|Slavic|Cyrillic
rom|Romani||Indo-Aryan|
tr|Turkish|Türkçe|Turkic|Latin
ku|Kurdish|kurdî|Iranian|Latin
ar|Arabic|العربية|Semitic|Arabic
ber|Tamazight|ⵜⴰⵎⴰⵣⵉⵖⵜ|Berber|Tifinagh
wo|Wolof|wolof|Niger-Congo|Latin
ff|Fula|Fulfulde|Niger-Congo|Latin
bm|Bambara|bamanankan|Mande|N'Ko
ak|Akan|Akan|Niger-Congo|Latin
ha|Hausa|Hausa|Chadic|Latin
yo|Yoruba|Yorùbá|Niger-Congo|Latin
ig|Igbo|Igbo|Niger-Congo|Latin
ln|Lingala|lingála|Niger-Congo|Latin
fan|Fang||Niger-Congo|Latin
sw|Swahili|Kiswahili|Niger-Congo|Latin
rw|Kinyarwanda|Ikinyarwanda|Niger-Congo|Latin
lg|Ganda|Luganda|Niger-Congo|Latin
am|Amharic|አማርኛ|Semitic|Ge'ez
om|Oromo|Afaan Oromoo|Cushitic|Latin
mg|Malagasy|malagasy|Austronesian|Latin
zu|Zulu|isiZulu|Niger-Congo|Latin
xh|Xhosa|isiXhosa|Niger-Congo|Latin
af|Afrikaans|Afrikaans|Germanic|Latin
st|Sotho|Sesotho|Niger-Congo|Latin
tn|Tswana|Setswana|Niger-Congo|Latin
naq|Khoekhoe|Khoekhoegowab|Khoe|Latin
qu|Quechua|Runa Simi|Quechuan|Latin
ay|Aymara|aymar aru|Aymaran|Latin
gn|Guaraní|avañe'ẽ|Tupian|Latin
myn|Kʼicheʼ||Mayan|Latin
nah|Nahuatl|nāhuatl|Uto-Aztecan|Latin
ht|Haitian Creole|kreyòl ayisyen|Creole|Latin
arn|Mapudungun|mapudungun|Isolate|
kk|Kazakh|қазақ тілі|Turkic|Cyrillic
uz|Uzbek|oʻzbekcha|Turkic|Latin
ky|Kyrgyz|кыргызча|Turkic|Cyrillic
zh|Mandarin|官话|Sinitic|Han
yue|Cantonese|廣東話|Sinitic|Han
ja|Japanese|日本語|Japonic|Kana and Kanji
ko|Korean|한국어|Koreanic|Hangul
mn|Mongolian|монгол|Mongolic|Cyrillic
vi|Vietnamese|Tiếng Việt|Austroasiatic|Latin
th|Thai|ไทย|Kra-Dai|Thai
lo|Lao|ລາວ|Kra-Dai|Lao
id|Indonesian|Bahasa Indonesia|Austronesian|Latin
jv|Javanese|basa Jawa|Austronesian|Latin
tl|Tagalog|Tagalog|Austronesian|Latin
ceb|Cebuano|Sinugboanon|Austronesian|Latin
ms|Malay|Bahasa Melayu|Austronesian|Latin
hi|Hindi|हिन्दी|Indo-Aryan|Devanagari
bn|Bengali|বাংলা|Indo-Aryan|Bengali
ta|Tamil|தமிழ்|Dravidian|Tamil
te|Telugu|తెలుగు|Dravidian|Telugu
ur|Urdu|اردو|Indo-Aryan|Arabic
pa|Punjabi|ਪੰਜਾਬੀ|Indo-Aryan|Gurmukhi
ne|Nepali|नेपाली|Indo-Aryan|Devanagari
si|Sinhala|සිංහල|Indo-Aryan|Sinhala
ka|Georgian|ქართული|Kartvelian|Georgian
mi|Māori|te reo Māori|Austronesian|Latin
tpi|Tok Pisin|Tok Pisin|Creole|Latin
fj|Fijian|Na Vosa Vakaviti|Austronesian|Latin
sm|Samoan|Gagana Sāmoa|Austronesian|Latin
to|Tongan|lea faka-Tonga|Austronesian|Latin
eo|Esperanto|Esperanto|Constructed|Latin
ia|Interlingua|interlingua|Constructed|Latin
la|Latin|lingua Latina|Italic|Latin
ain|Ainu|アイヌ・イタㇰ|Isolate|
""".strip()

# Starting shares in per cent; o official, r regional, m minority.
SPOKEN = """
FRA:fr85o,ar4m,pt2m,eu0.5r,ca0.4r;DEU:de86o,tr3m,pl2m,ar2m,ru2m;BEL:nl55o,fr38o,de1o,it2m;NLD:nl88o,tr2m,ar2m
LUX:lb50o,fr12o,de3o,pt16m;CHE:de62o,fr22o,it8o,rm0.6o,pt4m,es2m;AUT:de87o,tr2m,hu0.6r,sl0.4r
ESP:es74o,ca12r,gl5r,eu2r,ar2m,ro1.5m;PRT:pt95o;ITA:it90o,de0.6r,fr0.2r,sl0.1r,ro2m,ar1m;GRC:el92o,tr1m,rom1m
SVN:sl88o,hr3m,it0.2r,hu0.3r;HRV:hr92o,it0.5r,hu0.3m;MLT:mt90o,en6o,it1m;SMR:it95o;GBR:en89o,cy1r,pl1.2m,pa0.8m,ur0.7m
IRL:en90o,ga3o,pl2.5m;NOR:no88o,se0.6r,pl2m;SWE:sv85o,fi2m,ar2m,se0.2m;FIN:fi86o,sv5o,se0.1r,ru1.5m
ISL:is90o,pl5m;EST:et67o,ru27m;LVA:lv60o,ru34m;POL:pl96o,de0.4m;CZE:cs94o,sk1.5m,rom0.5m
SVK:sk80o,hu9r,rom3m,cs1m;HUN:hu95o,rom1m,de0.5m;ROU:ro85o,hu6r,rom2m;BGR:bg80o,tr9m,rom4m
MAR:ar65o,ber28o,fr2m;DZA:ar73o,ber24o,fr2m;TUN:ar95o,ber1m,fr2m;EGY:ar97o;LBY:ar90o,ber5m
SEN:fr2o,wo44r,ff24r;GHA:en3o,ak46r,ha4m;NGA:en5o,ha27r,yo20r,ig17r,ff6m;NER:fr1o,ha53r,ff9r,ar1m
MLI:fr2o,bm48r,ff10r,ar2m;CIV:fr14o,bm16m,ak20m;GIN:fr2o,ff33r,bm28r;GNB:pt3o,ff20m;TCD:fr2o,ar22o,ha1m
CMR:fr12o,en6o,ff8r,fan3m;GAB:fr20o,fan29r;GNQ:es8o,fr3o,pt1o,fan72r;COG:fr6o,ln18r;COD:fr4o,ln14r,sw16r
KEN:en3o,sw10o,om2m;TZA:sw15o,en1o;UGA:en1o,sw1o,lg17r;RWA:rw93o,en1o,fr1o,sw1o;ETH:am29o,om34r,ar1m
MOZ:pt13o,sw1m;MDG:mg91o,fr1o;ZAF:zu23o,xh16o,af13o,en10o,st8o,tn8o;NAM:en3o,af10r,de1m,naq11r
BWA:en2o,tn78o;LSO:st94o,en1o,zu2m,xh2m;USA:en79o,es13m,zh1m,tl0.6m,vi0.5m,ar0.4m,fr0.4m,ko0.4m
CAN:en57o,fr21o,zh2m,pa1.5m,es1m,yue1.6m,it1m;MEX:es93o,nah1.4r,myn0.5r;GTM:es69o,myn28r;NIC:es95o,en1r
CRI:es96o,en1m;PAN:es90o,en4m,zh0.5m;CUB:es98o,ht0.5m;DOM:es95o,ht3m;DMA:en80o,fr4m,ht2m;HTI:ht92o,fr5o
COL:es97o;VEN:es96o,pt1m,ar0.4m;ECU:es93o,qu4r;PER:es83o,qu13o,ay1.7o;BOL:es60o,qu20o,ay14o,gn0.6o
BRA:pt97o,de0.8m,es0.3m,gn0.1m;PRY:gn46o,es40o,pt4m;URY:es96o,pt2m;ARG:es95o,it1m,qu1m,gn1r;CHL:es96o,arn1m,qu0.2m
KAZ:kk66o,ru24o,uz3m,de0.6m;UZB:uz84o,ru4m,kk3m;KGZ:ky70o,ru7o,uz14m;CHN:zh70o,yue5r,mn0.4r,ko0.2r,kk0.1r
JPN:ja98o,ko0.4m,zh0.6m;KOR:ko98o,zh1m;MNG:mn94o,kk4m;VNM:vi86o,zh1m;THA:th80o,ms3m,lo3m,zh1m;LAO:lo66o,vi2m
IDN:id20o,jv31r,ms3m,zh1m;PHL:tl35o,en1o,ceb22r;MYS:ms55o,zh14m,ta6m,yue5m,en2m,th0.5m
IND:hi42o,en0.1o,bn8r,te7r,ta6r,ur4r,pa3r,ne0.3r;PAK:ur8o,en0.2o,pa42r;NPL:ne45o,hi1m,bn0.2m,ur2m
BGD:bn97o,ur0.4m;LKA:si74o,ta23o,ms0.3m;TUR:tr84o,ku12m,ar2m,ka0.2m;GEO:ka87o,ru1.5m,tr0.3m;JOR:ar96o
LBN:ar93o,fr2m,ku1m;OMN:ar76o,bn5m,hi4m,ur4m,sw3m;YEM:ar98o;AUS:en74o,zh3m,ar1.4m,it1.2m,el1m,vi1.3m,yue1.2m
NZL:en90o,mi4o,sm2m,hi1.5m,zh2m;PNG:en1o,tpi4o;FJI:fj54o,hi38o,en1o;WSM:sm94o,en3o;TON:to97o,en1o
""".strip()


def about(rng: random.Random, base: float, sigma: float) -> float:
    """A value around base, spread by a log-normal factor."""
    return base * rng.lognormvariate(0.0, sigma)


def some_day(rng: random.Random, first_year: int, last_year: int) -> str:
    start = date(first_year, 1, 1)
    return (start + timedelta(days=rng.randrange((date(last_year, 12, 31) - start).days + 1))).isoformat()


def region_rows() -> list[Row]:
    out: list[Row] = [(i, name, None) for i, name in enumerate(CONTINENTS, 1)]
    for parent, subregions in enumerate(CONTINENTS.values(), 1):
        for name in subregions:
            out.append((len(out) + 1, name, parent))
    return out


def income_group(gdp_per_head: float) -> str:
    for limit, code in ((1100.0, "L"), (4300.0, "LM"), (13500.0, "UM")):
        if gdp_per_head < limit:
            return code
    return "H"


def country_rows(rng: random.Random, regions: dict[str, int]) -> tuple[list[Row], list[tuple[float, float]]]:
    """The country table, and beside it people (2022) and GDP per head for the other tables."""
    out: list[Row] = []
    sizes: list[tuple[float, float]] = []
    for i, line in enumerate(COUNTRIES.splitlines(), 1):
        iso, name, region, people, area, gdp, coast = line.split("|")
        population = about(rng, float(people) * 1e6, 0.3)
        gdp_per_head = about(rng, float(gdp), 0.35)
        area_km2 = max(40, round(about(rng, float(area) * 1000, 0.28)))
        coast_km = round(about(rng, float(coast), 0.3)) if coast != "0" else None
        high = None if rng.random() < 0.09 else round(min(6900.0, about(rng, 2100.0, 0.6)))
        census = None if rng.random() < 0.07 else some_day(rng, 2004, 2021)
        out.append((i, iso, name, regions[region], area_km2, coast_km, high, income_group(gdp_per_head), census))
        sizes.append((population, gdp_per_head))
    return out, sizes


def founded(rng: random.Random, region: str) -> int | None:
    if rng.random() < 0.14:
        return None
    if region in NEW_WORLD:
        return rng.randint(1510, 1890)
    if region in ANCIENT and rng.random() < 0.4:
        return -rng.randint(2, 80) * 10 if rng.random() < 0.7 else -rng.randint(15, 950)
    return rng.randint(4, 18) * 100 if rng.random() < 0.2 else round(rng.triangular(250, 1950, 1250))


def city_rows(
    rng: random.Random, countries: list[Row], sizes: list[tuple[float, float]], regions: dict[int, str]
) -> list[Row]:
    named: dict[str, list[str]] = {}
    for line in CITIES.splitlines():
        iso, _, names = line.partition(":")
        named.setdefault(iso, []).extend(names.split(","))
    out: list[Row] = []
    for country, (people, _) in zip(countries, sizes, strict=True):
        cities = named[str(country[1])]
        order = sorted(range(len(cities)), key=[k + rng.gauss(0, 1.2) for k in range(len(cities))].__getitem__)
        largest = people * min(0.3, 0.045 + 0.2 * (1e6 / people) ** 0.5) * rng.uniform(0.7, 1.15)
        for k, name in enumerate(cities):
            place = order.index(k)
            own, _, province = name.removeprefix("*").partition("/")
            size = largest / (place + 1) ** 1.1 * rng.uniform(0.8, 1.15)
            population = None if rng.random() < 0.06 else max(900, round(size, -2 if rng.random() < 0.15 else None))
            low = rng.random() < (0.55 if country[5] is not None else 0.1)
            height = rng.randint(1, 60) if low else round(min(3900.0, rng.lognormvariate(5.4, 0.9)))
            if country[6] is not None:
                height = min(height, round(float(str(country[6])) * rng.uniform(0.4, 0.7)))
            elevation = None if rng.random() < 0.12 else height
            out.append(
                (
                    len(out) + 1,
                    country[0],
                    own,
                    province or None,
                    population,
                    elevation,
                    founded(rng, regions[int(str(country[3]))]),
                    int(name.startswith("*")),
                )
            )
    return out


def language_rows() -> list[Row]:
    return [(i, *(part or None for part in line.split("|"))) for i, line in enumerate(LANGUAGES.splitlines(), 1)]


def country_language_rows(rng: random.Random, iso: dict[str, int], codes: dict[str, int]) -> list[Row]:
    status = {"o": "official", "r": "regional", "m": "minority"}
    out: list[Row] = []
    for entry in SPOKEN.replace("\n", ";").split(";"):
        country, _, items = entry.partition(":")
        drawn: list[tuple[str, str, float]] = []
        for item in items.split(","):
            code = item[:-1].rstrip("0123456789.")
            drawn.append((code, status[item[-1]], about(rng, float(item[len(code) : -1]), 0.3)))
        scale = min(1.0, rng.uniform(93.0, 99.0) / sum(share for _, _, share in drawn))
        for code, kind, share in drawn:
            unknown = share < 15 and rng.random() < 0.15
            out.append((iso[country], codes[code], kind, None if unknown else max(0.1, round(share * scale, 1))))
    return out


def border_rows(rng: random.Random, iso: dict[str, int], countries: list[Row]) -> list[Row]:
    pairs: set[tuple[int, int]] = set()
    for chain in BORDERS.split(","):
        first, *others = (iso[code] for code in chain.split("-"))
        pairs.update((min(first, other), max(first, other)) for other in others)
    out: list[Row] = []
    for a, b in sorted(pairs):
        smaller = min(float(str(countries[a - 1][4])), float(str(countries[b - 1][4])))
        length = about(rng, 0.75 * smaller**0.5, 0.5)
        crossings = None if rng.random() < 0.08 else 1 + round(about(rng, length / 90, 0.5))
        treaty = None if rng.random() < 0.2 else some_day(rng, 1852, 2009)
        out.append((a, b, round(length, 1), crossings, treaty))
    return out


def indicator_rows(rng: random.Random, sizes: list[tuple[float, float]]) -> list[Row]:
    out: list[Row] = []
    for i, (people_2022, gdp_2022) in enumerate(sizes, 1):
        growth = rng.gauss(0.027 if gdp_2022 < 2500 else 0.011 if gdp_2022 < 12000 else 0.005, 0.005)
        richer = rng.gauss(0.025, 0.015)
        online = min(97.0, max(12.0, 30 * (gdp_2022 / 1000) ** 0.33 * rng.uniform(0.85, 1.15)))
        life = min(84.0, 60 + 6.2 * (gdp_2022 / 1000) ** 0.33 + rng.gauss(0, 1.8))
        tonnes = about(rng, 0.55 * (gdp_2022 / 1000) ** 0.75, 0.4)
        absent = set(rng.sample(range(FIRST_YEAR, LAST_YEAR), rng.choice((1, 2, 3)))) if rng.random() < 0.1 else set()
        for year in range(FIRST_YEAR, LAST_YEAR + 1):
            back = LAST_YEAR - year
            people = people_2022 / (1 + growth) ** back * rng.uniform(0.998, 1.002)
            shock = rng.uniform(0.9, 0.98) if year == 2020 else rng.uniform(0.985, 1.015)
            gdp = people * gdp_2022 / (1 + richer) ** back * shock / 1e6
            expectancy = min(MAX_LIFE_EXPECTANCY, life - 0.16 * back + rng.gauss(0, 0.2) - (year == 2020) * 0.7)
            web = min(MAX_INTERNET_PCT, online * (1 - 0.055 * back * (1 - online / 140)) + rng.gauss(0, 0.8))
            row: Row = (
                i,
                year,
                round(people),
                None if rng.random() < 0.03 else round(gdp, 1),
                None if rng.random() < 0.03 else round(expectancy, 1),
                None if rng.random() < 0.06 else round(max(1.5, web), 1),
                None if rng.random() < 0.07 else round(people * tonnes * shock / 1000, 1),
            )
            if year not in absent:
                out.append(row)
    return out


def airport_code(rng: random.Random, name: str, taken: set[str]) -> str:
    letters = [c for c in name.upper() if "A" <= c <= "Z"] + ["X", "Q", "Z"]
    while True:
        code = letters[0] + "".join(rng.sample(letters[1:], 2))
        if code not in taken:
            taken.add(code)
            return code
        letters.append(rng.choice("BDFGHKLMNPRSTVW"))


def airport_rows(rng: random.Random, cities: list[Row], rich: set[int]) -> list[Row]:
    out: list[Row] = []
    taken: set[str] = set()
    for city_id, country, city, _, people, elevation, *_ in cities:
        size = float(str(people)) if people is not None else 3e5
        many = (0.55 if country in rich else 0.35) * min(1.6, max(0.35, size / 1.2e6))
        count = 0
        while count < 4 and rng.random() < min(0.85, many) * (0.55 if count else 1.0):
            count += 1
        kinds = ["International", *rng.sample(["City", "Regional", "North", "Downtown"], 3)]
        for kind in kinds[:count]:
            feet = round(float(str(elevation)) * 3.281) + rng.randint(-20, 90) if elevation is not None else 0
            typed = "n/a" if elevation is None or rng.random() < 0.05 else str(max(3, feet))
            if rng.random() < 0.06:
                typed = ""
            busy = about(rng, size * (1.6 if country in rich else 0.5), 0.7) / (1 if kind == "International" else 5)
            passengers = None if rng.random() < 0.1 else round(min(busy, 7.4e7), -3 if rng.random() < 0.25 else None)
            runways = 1 + sum(rng.random() < min(0.6, busy / 2.5e7) for _ in range(4))
            opened = None if rng.random() < 0.08 else some_day(rng, 1922, 2019)
            title = f"{city} {kind} Airport" if rng.random() < 0.85 else f"{city}-{kind}"
            out.append(
                (len(out) + 1, airport_code(rng, str(city), taken), title, city_id, typed, runways, opened, passengers)
            )
    return out


def rows(rng: random.Random) -> dict[str, list[tuple[object, ...]]]:
    """All tables of the world atlas, parents first."""
    regions = region_rows()
    region_ids = {str(row[1]): int(str(row[0])) for row in regions}
    countries, sizes = country_rows(rng, region_ids)
    iso = {str(row[1]): int(str(row[0])) for row in countries}
    rich = {int(str(row[0])) for row in countries if row[7] == "H"}
    languages = language_rows()
    codes = {str(row[1]): int(str(row[0])) for row in languages}
    cities = city_rows(rng, countries, sizes, {number: name for name, number in region_ids.items()})
    return {
        "region": regions,
        "country": countries,
        "city": cities,
        "language": languages,
        "country_language": country_language_rows(rng, iso, codes),
        "border": border_rows(rng, iso, countries),
        "yearly_indicator": indicator_rows(rng, sizes),
        "airport": airport_rows(rng, cities, rich),
    }
