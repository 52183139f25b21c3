//! Names by frequency: common ones on a Zipf-like curve, rare surnames composed of syllables, nicknames.

use crate::random::Random;
use panorama_model::Text;

const FAMILY: &str = "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez \
Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez \
Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera \
Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris \
Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward \
Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel \
Myers Long Ross Foster Jimenez Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Fisher \
Vasquez Simmons Graham Murray Ford Castro Marshall Owens Harrison Fernandez McDonald Woods Washington Kennedy Wells \
Vargas Henry Chen Freeman Webb Tucker Guzman Burns Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw \
Snyder Mason Dixon Munoz Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Stone Salazar Fox Warren Mills Meyer \
Rice Schmidt Garza Daniels Ferguson Nichols Stephens Soto Weaver Ryan Gardner Payne Grant Dunn Kelley Spencer \
Hawkins Arnold Pierce Hansen Peters Santos Hart Bradley Knight Elliott Cunningham Duncan Armstrong Hudson Carroll \
Lane Riley Andrews Alvarado Ray Delgado Berry Perkins Hoffman Johnston Matthews Pena Richards Contreras Willis \
Carpenter Lawrence Sandoval O'Brien Núñez D'Angelo Van-Dyke Peña";

const MALE: &str = "James Michael Robert John David William Richard Joseph Thomas Christopher Charles Daniel Matthew \
Anthony Mark Steven Donald Andrew Joshua Paul Kenneth Kevin Brian Timothy Ronald Jason George Edward Jeffrey Ryan \
Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Frank \
Raymond Jack Dennis Jerry Tyler Aaron Jose Adam Nathan Henry Zachary Douglas Peter Kyle Noah Ethan Jeremy Christian \
Walter Keith Austin Roger Terry Sean Gerald Carl Dylan Harold Jordan Jesse Bryan Lawrence Arthur Gabriel Bruce Logan \
Billy Joe Alan Juan Elijah Willie Albert Wayne Randy Mason Vincent Liam Roy Bobby Caleb Bradley Russell Lucas Eugene \
Louis Philip Johnny Martin Craig Stanley Oscar Victor Leonard Ernest Todd Dale Manuel Curtis Allen Luis Carlos Owen \
Francis Isaac Marcus Theodore Ray Clarence Earl Miguel Wesley Hector Ricardo Edwin Xavier Julian Calvin Clifford Leo \
Omar Felix Hugo Ivan Simon Rafael Mario Diego Andre Malik Tomas Darius Emmett José";

const FEMALE: &str = "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra \
Betty Ashley Emily Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura \
Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine Christine Debra Rachel \
Carolyn Janet Maria Olivia Heather Helen Catherine Diane Julie Victoria Joyce Lauren Kelly Christina Ruth Joan \
Virginia Judith Evelyn Hannah Andrea Megan Cheryl Jacqueline Madison Teresa Abigail Sophia Martha Sara Gloria Janice \
Kathryn Ann Isabella Judy Charlotte Julia Grace Amber Alice Jean Denise Frances Danielle Marilyn Natalie Beverly \
Diana Brittany Theresa Kayla Alexis Doris Lori Tiffany Rosa Carmen Ana Claire Ella Norma Lillian Sylvia Ruby Eva \
Lucy Irene Ellen Florence Josephine Naomi Stella Paula Wendy Tina Vera Yolanda Audrey Bonnie Camila Daisy Elena \
Faith Gina Hazel Ivy Jade Kendra Leah Monica Nina Paige Renee Sonia Tara Valerie Zoe Adele Bianca Celeste Delia Esther Fiona Greta Zoë";

const ONSETS: &[&str] = &[
    "Al", "Bar", "Ber", "Bran", "Cal", "Cor", "Dan", "Del", "Dor", "El", "Fal", "Far", "Gar", "Gol", "Hal",
    "Har", "Hol", "Jan", "Kar", "Kel", "Kov", "Lan", "Lin", "Mal", "Mar", "Mor", "Nor", "Ol", "Pal", "Per",
    "Quin", "Ral", "Ros", "Sal", "Sten", "Tor", "Ul", "Val", "Wal", "Zim",
];
const MIDDLES: &[&str] = &[
    "", "", "a", "be", "ce", "de", "en", "er", "i", "in", "ko", "la", "le", "ma", "ne", "o", "ri", "te", "u",
    "vi",
];
const CODAS: &[&str] = &[
    "berg", "by", "czak", "dale", "don", "dorf", "feld", "ford", "gren", "ham", "kin", "land", "ley", "lund",
    "man", "mann", "more", "nick", "quist", "rell", "rin", "sen", "ski", "son", "stad", "stein", "ton",
    "vich", "well", "wood",
];

/// Formal given names and what friends call them.
const NICKNAMES: &[(&str, &[&str])] = &[
    ("Abigail", &["Abby"]),
    ("Albert", &["Al", "Bert"]),
    ("Alexander", &["Alex"]),
    ("Andrew", &["Andy", "Drew"]),
    ("Anthony", &["Tony"]),
    ("Barbara", &["Barb"]),
    ("Benjamin", &["Ben"]),
    ("Catherine", &["Cathy", "Kate"]),
    ("Charles", &["Charlie", "Chuck"]),
    ("Christina", &["Tina", "Chris"]),
    ("Christine", &["Chris"]),
    ("Christopher", &["Chris"]),
    ("Cynthia", &["Cindy"]),
    ("Daniel", &["Dan", "Danny"]),
    ("David", &["Dave"]),
    ("Deborah", &["Debbie", "Deb"]),
    ("Dorothy", &["Dot"]),
    ("Edward", &["Ed", "Eddie"]),
    ("Elizabeth", &["Liz", "Beth", "Betty", "Eliza"]),
    ("Emily", &["Em"]),
    ("Frances", &["Fran"]),
    ("Gabriel", &["Gabe"]),
    ("Gregory", &["Greg"]),
    ("Jacob", &["Jake"]),
    ("Jacqueline", &["Jackie"]),
    ("James", &["Jim", "Jimmy"]),
    ("Jeffrey", &["Jeff"]),
    ("Jennifer", &["Jen", "Jenny"]),
    ("Jessica", &["Jess"]),
    ("John", &["Jack", "Johnny"]),
    ("Jonathan", &["Jon"]),
    ("Joseph", &["Joe"]),
    ("Joshua", &["Josh"]),
    ("Judith", &["Judy"]),
    ("Katherine", &["Kate", "Katie", "Kathy"]),
    ("Kathleen", &["Kathy"]),
    ("Kenneth", &["Ken"]),
    ("Kimberly", &["Kim"]),
    ("Lawrence", &["Larry"]),
    ("Margaret", &["Peggy", "Maggie", "Meg"]),
    ("Matthew", &["Matt"]),
    ("Michael", &["Mike"]),
    ("Nathan", &["Nate"]),
    ("Nicholas", &["Nick"]),
    ("Pamela", &["Pam"]),
    ("Patricia", &["Pat", "Patty", "Trish"]),
    ("Patrick", &["Pat"]),
    ("Philip", &["Phil"]),
    ("Raymond", &["Ray"]),
    ("Rebecca", &["Becky"]),
    ("Richard", &["Rick", "Dick", "Rich"]),
    ("Robert", &["Bob", "Rob", "Bobby"]),
    ("Ronald", &["Ron"]),
    ("Samantha", &["Sam"]),
    ("Samuel", &["Sam"]),
    ("Stephanie", &["Steph"]),
    ("Stephen", &["Steve"]),
    ("Steven", &["Steve"]),
    ("Susan", &["Sue"]),
    ("Theodore", &["Ted"]),
    ("Theresa", &["Terry"]),
    ("Thomas", &["Tom"]),
    ("Timothy", &["Tim"]),
    ("Victoria", &["Vicky"]),
    ("Vincent", &["Vince"]),
    ("Walter", &["Walt"]),
    ("William", &["Bill", "Will", "Billy"]),
    ("Zachary", &["Zach"]),
];

/// Words drawn by rank: the first far oftener than the last.
#[derive(Debug)]
struct Ranked {
    words: Vec<&'static str>,
    /// Cumulative shares, rising to 1.
    cumulative: Vec<f64>,
}

impl Ranked {
    fn new(words: &'static str, exponent: f64) -> Self {
        let words: Vec<_> = words.split_whitespace().collect();
        let weights: Vec<f64> = (0..words.len())
            .map(|rank| (rank as f64 + 3.0).powf(-exponent))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let cumulative = weights
            .iter()
            .map(|weight| {
                sum += weight / total;
                sum
            })
            .collect();
        Self { words, cumulative }
    }

    fn draw(&self, random: &mut Random) -> &'static str {
        let at = random.unit();
        let rank = self.cumulative.partition_point(|share| *share <= at);
        self.words
            .get(rank)
            .or(self.words.last())
            .copied()
            .unwrap_or_default()
    }
}

/// All names of the world.
#[derive(Debug)]
pub(crate) struct Names {
    family: Ranked,
    male: Ranked,
    female: Ranked,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            family: Ranked::new(FAMILY, 0.75),
            male: Ranked::new(MALE, 0.9),
            female: Ranked::new(FEMALE, 0.85),
        }
    }

    /// A surname: three in five are common, the others composed and rare, as in a census.
    pub(crate) fn family(&self, random: &mut Random) -> Text {
        if random.chance(0.6) {
            return Text::new(self.family.draw(random));
        }
        let (onset, middle, coda) = (random.word(ONSETS), random.word(MIDDLES), random.word(CODAS));
        Text::from_iter([onset, middle, coda])
    }

    pub(crate) fn given(&self, male: bool, random: &mut Random) -> &'static str {
        if male {
            self.male.draw(random)
        } else {
            self.female.draw(random)
        }
    }
}

/// What friends call a person of this given name, if there is such a name.
pub(crate) fn nickname(given: &str, random: &mut Random) -> Option<&'static str> {
    let index = NICKNAMES
        .binary_search_by(|(formal, _)| (*formal).cmp(given))
        .ok()?;
    let (_, short) = NICKNAMES.get(index)?;
    random.pick(short).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use std::collections::HashMap;

    #[test]
    fn lists_are_clean() {
        for list in [FAMILY, MALE, FEMALE] {
            let mut words: Vec<_> = list.split_whitespace().collect();
            assert!(words.len() >= 150);
            assert!(
                words
                    .iter()
                    .all(|w| !w.contains(['|', '^', '~', '&', '\\', '"', ',']))
            );
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), list.split_whitespace().count(), "a name twice");
        }
        assert!(NICKNAMES.is_sorted_by_key(|(formal, _)| *formal));
    }

    #[test]
    fn common_names_are_common_and_rare_ones_many() {
        let names = Names::new();
        let mut random = Random::new(1, Purpose::Population, 0);
        let mut counts: HashMap<Text, u32> = HashMap::new();
        for _ in 0..50_000 {
            *counts.entry(names.family(&mut random)).or_default() += 1;
        }
        assert!(counts.len() > 8_000, "{}", counts.len());
        let smith = counts.get("Smith").copied().unwrap_or_default();
        assert!((400..1500).contains(&smith), "{smith}");
        assert!(counts.values().all(|n| *n <= smith + 60));
    }
}
